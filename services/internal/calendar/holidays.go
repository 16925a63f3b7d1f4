package calendar

import "time"

// version changes with any rule below. A request pins it.
const version = "2026.1"

// Of is a calendar by its code: "none" or "" (weekends only), "us" (federal),
// "us-ca" (California's state holidays), "gb-eng", "de" (those of the whole
// country) or "eu" (what nearly all member states share).
func Of(code string) (Calendar, bool) {
	var rules []holiday
	switch code {
	case "", "none":
		code = "none"
	case "us":
		rules = federal()
	case "us-ca":
		rules = california()
	case "gb-eng":
		rules = england()
	case "de":
		rules = germany()
	case "eu":
		rules = europe()
	default:
		return Calendar{}, false
	}
	return Calendar{Code: code, Version: version, rules: rules}, true
}

// Codes lists what Of knows.
func Codes() []string { return []string{"de", "eu", "gb-eng", "none", "us", "us-ca"} }

func fixed(name string, m time.Month, day int, moved observance) holiday {
	return holiday{name: name, fixed: Date{Month: m, Day: day}, moved: moved}
}

func nth(name string, n int, day time.Weekday, m time.Month) holiday {
	return holiday{name: name, nth: nthWeekday{n, day, m}}
}

func easter(name string, days int) holiday { return holiday{name: name, easter: &days} }

func once(name string, d Date) holiday { return holiday{name: name, once: d} }

func (h holiday) since(year int) holiday { h.from = year; return h }

// federal: 5 U.S.C. 6103; a Saturday is observed on Friday, a Sunday on Monday.
func federal() []holiday {
	return []holiday{
		fixed("New Year's Day", time.January, 1, nearest),
		nth("Martin Luther King Jr. Day", 3, time.Monday, time.January),
		nth("Washington's Birthday", 3, time.Monday, time.February),
		nth("Memorial Day", -1, time.Monday, time.May),
		fixed("Juneteenth", time.June, 19, nearest).since(2021),
		fixed("Independence Day", time.July, 4, nearest),
		nth("Labor Day", 1, time.Monday, time.September),
		nth("Columbus Day", 2, time.Monday, time.October),
		fixed("Veterans Day", time.November, 11, nearest),
		nth("Thanksgiving Day", 4, time.Thursday, time.November),
		fixed("Christmas Day", time.December, 25, nearest),
	}
}

// california: Government Code 6700; a Sunday is observed on Monday, and of
// Saturdays only Veterans Day moves, to Friday. The day after Thanksgiving is
// the Friday after the fourth Thursday, which is not always the fourth Friday.
func california() []holiday {
	return []holiday{
		fixed("New Year's Day", time.January, 1, sundayOnly),
		nth("Martin Luther King Jr. Day", 3, time.Monday, time.January),
		nth("Presidents' Day", 3, time.Monday, time.February),
		fixed("Cesar Chavez Day", time.March, 31, sundayOnly),
		nth("Memorial Day", -1, time.Monday, time.May),
		fixed("Independence Day", time.July, 4, sundayOnly),
		nth("Labor Day", 1, time.Monday, time.September),
		fixed("Veterans Day", time.November, 11, nearest),
		nth("Thanksgiving Day", 4, time.Thursday, time.November),
		nth("Day after Thanksgiving", 4, time.Thursday, time.November).next(),
		fixed("Christmas Day", time.December, 25, sundayOnly),
	}
}

// next makes a holiday of the day after it.
func (h holiday) next() holiday { h.after = 1; return h }

// england: Banking and Financial Dealings Act 1971 and proclamations; a day on
// a weekend has its substitute on the next working day.
func england() []holiday {
	return []holiday{
		fixed("New Year's Day", time.January, 1, nextWorking),
		easter("Good Friday", -2),
		easter("Easter Monday", 1),
		nth("Early May bank holiday", 1, time.Monday, time.May),
		nth("Spring bank holiday", -1, time.Monday, time.May),
		nth("Summer bank holiday", -1, time.Monday, time.August),
		fixed("Christmas Day", time.December, 25, nextWorking),
		fixed("Boxing Day", time.December, 26, nextWorking),
		once("Coronation of the King", Date{2023, time.May, 8}),
	}
}

// germany: the holidays of all sixteen states. None is moved.
func germany() []holiday {
	return []holiday{
		fixed("Neujahr", time.January, 1, asIs),
		easter("Karfreitag", -2),
		easter("Ostermontag", 1),
		fixed("Tag der Arbeit", time.May, 1, asIs),
		easter("Christi Himmelfahrt", 39),
		easter("Pfingstmontag", 50),
		fixed("Tag der Deutschen Einheit", time.October, 3, asIs),
		fixed("Erster Weihnachtstag", time.December, 25, asIs),
		fixed("Zweiter Weihnachtstag", time.December, 26, asIs),
	}
}

// europe: for a controller whose own state has no calendar here. It knows few
// days, so that a deadline errs towards early.
func europe() []holiday {
	return []holiday{
		fixed("New Year's Day", time.January, 1, asIs),
		easter("Easter Monday", 1),
		fixed("Labour Day", time.May, 1, asIs),
		fixed("Christmas Day", time.December, 25, asIs),
	}
}
