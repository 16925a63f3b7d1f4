package demo

import (
	"fmt"
	"strings"
	"time"
)

// chance is a generator of numbers that are the same on every machine. Nothing
// secret comes from it: it invents people.
type chance struct{ state uint64 }

// next is splitmix64.
func (c *chance) next() uint64 {
	c.state += 0x9e3779b97f4a7c15
	z := c.state
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// below is a number from 0 to n-1.
func (c *chance) below(n int) int { return int(c.next() % uint64(n)) }

// of picks one of several.
func of[T any](c *chance, all []T) T { return all[c.below(len(all))] }

func firstNames() []string {
	return strings.Fields(`Ada Alba Amos Anouk Arlo Astrid Basil Beata Bruno Celia Cosmo Dagny Dario Edda Elio Enid Esme Fabio
		Faye Fergus Gala Greta Hana Hugo Ida Ilse Ivo Jonas Juna Kaspar Kira Lars Leda Lionel Lotte Mabel Magnus Mira Nell
		Nico Odile Orla Otto Pavel Petra Quentin Ramona Ravi Rhea Rufus Sanna Silas Sunniva Tove Ulla Vera Viggo Wanda Yara Zeno`)
}

func lastNames() []string {
	return strings.Fields(`Abelard Ashdown Bellweather Birch Borrowdale Cadmus Calloway Dunmore Eastlake Everhart Fairbourne
		Fenwick Garrow Greenhalgh Hartwell Hollis Ingleby Jessop Kettering Langmere Larkin Merriweather Moss Nightingale
		Oakley Ormond Pemberton Penhallow Quill Ravenscroft Redfern Rowan Sallow Silverdale Thackeray Thistle Underhill
		Vance Wetherby Whitlock Winterbourne Yarrow`)
}

func streets() []string {
	return strings.Fields("Alder Beech Canal Dyer Elm Foundry Granary Harbour Ivy Juniper Kiln Linden Mill Orchard Pear Quay Rope Saddler Tanner Weaver")
}

func cities() []string {
	return strings.Fields("Aldermoor Brackenford Copperhill Dunwick Elderton Fernley Greyhaven Hollowbrook")
}

// Person is somebody who was invented.
type Person struct {
	Name  string
	Email string
	Phone string
	// Household is shared by people who live at one address.
	Household int
	Shop      bool // a customer of the shop
	Messenger bool // has an account of the messenger
}

// epoch is the day that the demo's data is written from.
func epoch() time.Time { return time.Date(2026, 1, 1, 9, 0, 0, 0, time.UTC) }

// seed makes every demo the same.
const seed = 20_260_101

// population is how many people there are.
const population = 320

// People invents the demo's people, always the same ones. Addresses are under
// example.com, which belongs to nobody.
func People() []Person {
	c := &chance{seed}
	all := make([]Person, population)
	household := 0
	for i := range all {
		first, last := of(c, firstNames()), of(c, lastNames())
		if i > 0 && c.below(4) == 0 { // moves in with the one before, and takes the name
			last = all[i-1].Name[strings.IndexByte(all[i-1].Name, ' ')+1:]
		} else {
			household++
		}
		all[i] = Person{
			Name:      first + " " + last,
			Email:     fmt.Sprintf("%s.%s.%d@example.com", strings.ToLower(first), strings.ToLower(last), i),
			Phone:     fmt.Sprintf("+1202555%04d", i),
			Household: household, Shop: c.below(5) > 0,
		}
		all[i].Messenger = !all[i].Shop || c.below(2) == 0
	}
	return all
}

// address is where a household lives.
func address(household int) (street, city, postcode string) {
	c := &chance{uint64(household) + 1}
	return fmt.Sprintf("%d %s Street", 1+c.below(140), of(c, streets())), of(c, cities()), fmt.Sprintf("%05d", 10000+c.below(80000))
}

// sentence is what somebody may have written.
func sentence(c *chance) string {
	openings := []string{"Could you", "I hope you", "Please", "We should", "They will", "Let us"}
	doings := []string{"look at the parcel", "send the list again", "meet at the station", "check the invoice", "bring the blue folder", "call back tomorrow"}
	endings := []string{"before noon.", "when you can.", "as agreed.", "if it still rains.", "for the team.", "this week."}
	return of(c, openings) + " " + of(c, doings) + " " + of(c, endings)
}
