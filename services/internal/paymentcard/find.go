package paymentcard

// digit is a digit of a text.
type digit struct {
	value      byte
	before     gap   // between the digit before and this one
	start, end int32 // in the text
}

// gap is what lies between two digits.
type gap uint8

const (
	none   gap = iota // they touch
	unseen            // nothing that takes room
	plain             // usual signs
	odd               // other signs
)

// What a gap may hold.
const (
	mostSigns = 6  // that take room; blanks in a row are one
	mostBytes = 96 // hidden signs included, and of blanks in a row the first
)

// finder looks for card numbers in one text, and marks them, or ends with the
// first.
type finder struct {
	text    string
	escapes bool
	row     []digit // digits with nothing but gaps between them
	all     bool    // mark all of them
	marks   marks   // nil until a number is found
	numbers int     // that share no digit with one before
	longest int     // digits in one of them
}

// mostText bounds the texts that are looked at as one; longer ones are none that
// people or systems keep in one value.
const mostText = 1 << 30

// enough reports whether a text has enough digits for a card number. It counts
// what may be a digit, and costs next to nothing.
func enough[T string | []byte](text T) bool {
	if len(text) < shortest {
		return false
	}
	n := 0
	for i := range len(text) {
		if c := text[i]; c-'0' <= 9 || c >= 0xc0 {
			n++
		}
	}
	return n >= shortest
}

// escaped reports whether a text can have escapes.
func escaped(text string) bool {
	for i := range len(text) {
		if c := text[i]; c == '%' || c == '&' || c == '\\' {
			return true
		}
	}
	return false
}

// run goes through the text, as it is and then with its escapes read.
func (f *finder) run() {
	if len(f.text) > mostText || f.scan() || !escaped(f.text) {
		return
	}
	f.escapes = true
	f.scan()
}

// scan goes through the text once. It reports whether no more is wanted.
func (f *finder) scan() bool {
	f.row = f.row[:0]
	between, signs, lines := none, 0, false
	blank, repeated := false, 0 // whether the sign before was one, and bytes of those that do not count
	for at := 0; at < len(f.text); {
		s := next(f.text[at:], f.escapes)
		if s.blank && blank {
			lines = lines || s.char == '\n'
			repeated += s.size
			at += s.size
			continue
		}
		blank = s.blank || blank && s.kind == hidden
		if s.kind == number {
			if len(f.row) > 0 && (signs > mostSigns || at-int(f.row[len(f.row)-1].end)-repeated > mostBytes) {
				if f.judge() {
					return true
				}
			}
			f.row = append(f.row, digit{s.value, between, int32(at), int32(at + s.size)})
			between, signs, lines, repeated = none, 0, false, 0
			at += s.size
			continue
		}
		if s.kind == other && lines && s.char == '>' { // of a mail that is answered
			s.kind = hidden
		}
		lines = lines && s.kind != other || s.char == '\n'
		switch s.kind {
		case ends:
			if f.judge() {
				return true
			}
			between, signs, repeated = none, 0, 0
		case hidden:
			between = max(between, unseen)
		case usual:
			between, signs = max(between, plain), signs+1
		case other:
			between, signs = odd, signs+1
		}
		at += s.size
	}
	return f.judge()
}

// judge looks for card numbers in the row and begins a new one. It reports
// whether no more is wanted.
func (f *finder) judge() bool {
	row := f.row
	f.row = row[:0]
	for i := 0; i+shortest <= len(row); i++ {
		if i > 0 && row[i].before == none {
			continue // a number begins where digits begin
		}
		iin := 0
		for _, d := range row[i : i+prefix] {
			iin = iin*10 + int(d.value)
		}
		allowed := lengths(iin)
		for n := shortest; allowed>>n != 0 && i+n <= len(row); n++ {
			if allowed>>n&1 == 0 || i+n < len(row) && row[i+n].before == none || !luhn(row[i:i+n]) {
				continue
			}
			if f.joined(row[i:i+n]) && !f.excused(row, i, i+n) && f.note(row[i:i+n]) {
				return true
			}
		}
	}
	return false
}

// note keeps a number that was found. It reports whether no more is wanted.
func (f *finder) note(number []digit) bool {
	f.longest = max(f.longest, len(number))
	if !f.all {
		f.numbers = 1
		return true
	}
	if f.marks == nil {
		f.marks = make(marks, len(f.text))
	}
	if f.marks.add(number) {
		f.numbers++
	}
	return false
}

// leastGroup is how many digits stand between other signs at least, but for the
// last ones of a number: shorter ones are lists, of sizes and prices and times.
const leastGroup = 4

// joined reports whether the gaps inside a number are such as to join it: usual
// ones, or all the same with groups between them that are no list.
func (f *finder) joined(number []digit) bool {
	strange := ""
	for i := 1; i < len(number) && strange == ""; i++ {
		if number[i].before == odd {
			strange = f.between(number, i)
		}
	}
	run := 0
	for i, d := range number {
		if strange != "" && i > 0 && d.before >= plain {
			if run < leastGroup || f.between(number, i) != strange {
				return false
			}
			run = 0
		}
		run++
	}
	return true
}

// between is what lies in the gap before a digit.
func (f *finder) between(row []digit, i int) string { return f.text[row[i-1].end:row[i].start] }
