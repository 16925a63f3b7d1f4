package mail

// decisions are the notices of what is not carried out, and those to a controller.
func decisions() map[string]text {
	return map[string]text{
		"rejected": {"Your request was declined", `Your request {{.Request}} {{right .}} of {{day .ReceivedAt}} is not carried out.
{{template "declined" .}}
Nothing was changed.`},
		"instruction_asked": {"A request waits for your instruction", `{{template "asks" .}} Please tell us by {{last .InstructBy}} what is to become of it: carry it out, or decline it
on a ground of the law. We do nothing before, and your silence does not end it.`},
		"instruction_reminder": {"A request still waits for your instruction", `{{template "asks" .}} We have asked you for your instruction and have none yet. It is late after {{last .InstructBy}}.
We do nothing before we have it, and your silence does not end the request.`},
		"instruction_overdue": {"Your instruction is overdue", `{{template "asks" .}} Your instruction was due by {{last .InstructBy}}. The law's time goes on: the answer to the person
is due by {{last .DueAt}}. We can't carry the request out without your word, nor end it.`},
	}
}

// refused are the parts that several of these share.
const refused = `{{define "declined"}}{{range .Rejected}}
{{if .Parts}}This part was declined:
{{range .Parts}}
- {{.Category}} ({{.System}}, {{.Collection}}){{end}}
{{end}}
{{if .Controller}}This was decided by {{.Controller}}, for whom we work.
{{end}}The reason: {{words .Ground}}{{with .Clause}}, clause {{.}} of our policy{{end}}.{{range .Rules}}
It is permitted by {{.}}.{{end}}

{{.Statement}}

If you think that this is wrong, you can complain to us{{with .Complaints}}: {{.}}{{end}}. You can also complain to
{{.Authority}}, and you can go to court.
{{end}}{{end}}{{define "asks"}}We process data for you ({{.Controller}}). On {{day .ReceivedAt}} one of the people whose data it is has asked us
{{if .Erasure}}to erase it{{else}}for a copy of it{{end}}, and has shown who they are. The number of the request is {{.Request}}.{{end}}`
