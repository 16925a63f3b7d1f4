package paymentcard

// Lengths of card numbers.
const (
	shortest = 12
	longest  = 19
	// prefix is how many digits tell an issuer.
	prefix = 6
)

// span is a set of lengths: bit n is set for length n.
func span(from, to int) uint32 { return 1<<(to+1) - 1<<from }

// lengths are the lengths of the numbers that begin with six digits, as a set;
// empty if nobody gives out such numbers.
func lengths(iin int) uint32 {
	switch iin / 100_000 {
	case 2:
		return lengthsOf2(iin)
	case 3:
		return lengthsOf3(iin)
	case 4: // Visa; also Dankort, Elo, mada
		return 1<<13 | 1<<16 | 1<<19
	case 5:
		return lengthsOf5(iin)
	case 6:
		return lengthsOf6(iin)
	default:
		return lengthsOf89(iin)
	}
}

func lengthsOf2(iin int) uint32 {
	switch four := iin / 100; {
	case four >= 2200 && four <= 2204: // Mir
		return span(16, 19)
	case four == 2205: // Borica
		return 1 << 16
	case four >= 2221 && four <= 2720: // Mastercard
		return 1 << 16
	}
	return 0
}

func lengthsOf3(iin int) uint32 {
	switch two, three, four := iin/10_000, iin/1000, iin/100; {
	case two == 34 || two == 37: // American Express
		return 1 << 15
	case three >= 300 && three <= 305 || three == 309 || two == 36 || two == 38 || two == 39: // Diners Club, Hipercard
		return span(14, 19)
	case four >= 3528 && four <= 3589: // JCB; also RuPay, LankaPay
		return span(16, 19)
	}
	return 0
}

func lengthsOf5(iin int) uint32 {
	switch iin / 10_000 {
	case 51, 52, 53, 54, 55: // Mastercard
		return 1 << 16
	case 50, 56, 57, 58: // Maestro; also RuPay, Verve, Elo, Dankort, Meeza, eftpos
		return span(12, 19)
	}
	return 0
}

func lengthsOf6(iin int) uint32 {
	switch two, three := iin/10_000, iin/1000; {
	case two == 60: // Discover, RuPay, Hipercard, UkrCard
		return span(16, 19)
	case two == 62, two == 65, three >= 644 && three <= 649: // UnionPay, Discover; also RuPay, Elo, Troy, Verve
		return span(16, 19)
	case two == 63 || two == 67: // Maestro; also InstaPayment, InterPayment, Bancontact, Elo
		return span(12, 19)
	}
	return 0
}

func lengthsOf89(iin int) uint32 {
	switch two, four := iin/10_000, iin/100; {
	case two == 81: // UnionPay, RuPay
		return span(16, 19)
	case two == 82, four == 8600: // RuPay, Uzcard
		return 1 << 16
	case four == 9704: // Napas
		return 1<<16 | 1<<19
	case four == 9792, four == 9860, four == 9112, four == 9051: // Troy, Humo, Belkart, ArCa
		return 1 << 16
	}
	return 0
}

// luhn reports whether the last digit fits the others.
func luhn(digits []digit) bool {
	sum, double := 0, false
	for i := len(digits) - 1; i >= 0; i-- {
		v := int(digits[i].value)
		if double {
			v *= 2
			if v > 9 {
				v -= 9
			}
		}
		sum += v
		double = !double
	}
	return sum%10 == 0
}
