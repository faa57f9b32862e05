//! Chance that answers the same question always alike: a pure function of seed, name and index.

/// Bits that look random and are the same for the same input (the finalizer of `SplitMix64`).
pub(super) fn mix(bits: u64) -> u64 {
    let mut bits = bits.wrapping_add(0x9E37_79B9_7F4A_7C15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^ (bits >> 31)
}

/// Bits of a text (FNV-1a).
pub(super) fn of_text(text: &str) -> u64 {
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3);
    text.bytes().fold(0xCBF2_9CE4_8422_2325, step)
}

/// The throw of number `index` under this name.
pub(super) fn throw(seed: u64, name: u64, index: i64) -> u64 {
    mix(seed ^ mix(name ^ mix(index.cast_unsigned())))
}

/// A throw as a number from 0 to 1.
pub(super) fn unit(bits: u64) -> f64 {
    f64::from(u32::try_from(bits >> 32).unwrap_or(u32::MAX)) / f64::from(u32::MAX)
}

/// One of `choices`, which must not be empty.
pub(super) fn pick<T: Copy>(choices: &[T], bits: u64) -> Option<T> {
    let many = u64::try_from(choices.len()).unwrap_or(1).max(1);
    choices.get(usize::try_from(bits % many).unwrap_or(0)).copied()
}

/// `length` letters and digits, as IG's ids are made of.
pub(super) fn letters(mut bits: u64, length: usize) -> String {
    const ALPHABET: &[char] = &[
        'A', 'B', 'C', 'D', 'E', 'F', 'G', 'H', 'J', 'K', 'L', 'M', 'N', 'P', 'Q', 'R', 'S', 'T',
        'U', 'V', 'W', 'X', 'Y', 'Z', '2', '3', '4', '5', '6', '7', '8', '9',
    ];
    let mut next = || {
        bits = mix(bits);
        pick(ALPHABET, bits).unwrap_or('A')
    };
    (0..length).map(|_| next()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_question_has_the_same_answer_and_others_have_others() {
        let name = of_text("IX.D.FTSE.CFD.IP");
        assert_eq!(throw(1, name, 7), throw(1, name, 7));
        assert_ne!(throw(1, name, 7), throw(2, name, 7));
        assert_ne!(throw(1, name, 7), throw(1, name, 8));
        assert_eq!(letters(5, 15).len(), 15);
        assert!((0..100).all(|index| (0.0..=1.0).contains(&unit(throw(1, name, index)))));
    }
}
