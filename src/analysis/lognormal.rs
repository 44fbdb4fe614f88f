//! Lengths of time by chance: lognormal, with the same bits on every machine.
//!
//! Times of work are never negative and have a long tail; a lognormal fits what was observed of projects (Trietsch,
//! Mazmanyan, Gevorgyan and Baker, 2012, "Modeling activity times by the Parkinson distribution with a lognormal core").
//! Rust's own `exp` and `ln` may differ in the last bit from one system to another, so those of `libm` are taken.

use crate::value::Length;

/// The 95th percentile of the standard normal distribution.
const Z95: f64 = 1.644_853_626_951_472_7;

/// Longer than this nothing takes, in milliseconds: the longest length of time of the language.
const LONGEST_MS: f64 = 1000.0 * 365.0 * 86_400_000.0;

/// A lognormal distribution of a length of time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Lognormal {
    /// The median, in milliseconds.
    pub(super) median: f64,
    /// The standard deviation of the logarithm.
    pub(super) sigma: f64,
}

impl Lognormal {
    /// Makes the distribution with this median whose 95th percentile is so many times the median.
    pub(super) fn with_ratio(median: Length, p95_to_p50: f64) -> Self {
        Self { median: millis(median), sigma: libm::log(p95_to_p50.max(1.0)) / Z95 }
    }

    /// Makes the distribution with this median and 95th percentile.
    pub(super) fn through(p50: Length, p95: Length) -> Self {
        if p50 == Length::ZERO {
            return Self { median: 0.0, sigma: 0.0 };
        }
        Self::with_ratio(p50, millis(p95) / millis(p50))
    }

    /// Fits a distribution to what was measured: mean and standard deviation of the logarithms. Nothing with fewer than two
    /// measurements, or with one that took no time.
    pub(super) fn fitted(samples: &[Length]) -> Option<Self> {
        if samples.len() < 2 || samples.contains(&Length::ZERO) {
            return None;
        }
        let logs: Vec<f64> = samples.iter().map(|sample| libm::log(millis(*sample))).collect();
        let count = f64::from(u32::try_from(logs.len()).ok()?);
        let mean = logs.iter().sum::<f64>() / count;
        let variance = logs.iter().map(|log| (log - mean) * (log - mean)).sum::<f64>() / (count - 1.0);
        Some(Self { median: libm::exp(mean), sigma: variance.sqrt() })
    }

    /// Returns the length at a standard normal number, in whole milliseconds.
    pub(super) fn at(&self, normal: f64) -> u64 {
        whole(self.median * libm::exp(self.sigma * normal))
    }
}

/// By how much the median is multiplied at a random number, for one spread: a table, since this is asked ten million times.
///
/// Between two entries it is a straight line, which is off by less than a hundred-thousandth; the tails are worked out.
#[derive(Clone, Debug)]
pub(super) struct Factors {
    sigma: f64,
    table: Vec<f64>,
}

impl Factors {
    const CELL_BITS: u32 = 12;
    const CELLS: u32 = 1 << Self::CELL_BITS;
    /// How many cells of each tail are worked out.
    const TAIL: u32 = Self::CELLS / 64;

    /// Makes the table of a spread.
    pub(super) fn new(sigma: f64) -> Self {
        let cells = (0..=Self::CELLS).map(|cell| f64::from(cell) / f64::from(Self::CELLS));
        let table = cells.map(|unit| libm::exp(sigma * normal(unit.clamp(1e-9, 1.0 - 1e-9)))).collect();
        Self { sigma, table }
    }

    /// Returns the factor at the number between 0 and 1 that [`unit`] makes of random bits.
    pub(super) fn at(&self, bits: u64) -> f64 {
        let cell = (bits >> (u64::BITS - Self::CELL_BITS)) as usize;
        let middle = Self::TAIL as usize..(Self::CELLS - Self::TAIL) as usize;
        match self.table.get(cell..cell + 2) {
            // What is left of the bits says where in the cell it is.
            Some(&[low, high]) if middle.contains(&cell) => {
                low + (high - low) * (unit(bits << Self::CELL_BITS))
            }
            _ => libm::exp(self.sigma * normal(unit(bits))),
        }
    }
}

/// Rounds to whole milliseconds.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it is between zero and 1000 years"
)]
pub(super) fn whole(millis: f64) -> u64 {
    (millis.clamp(0.0, LONGEST_MS) + 0.5) as u64
}

#[expect(clippy::cast_precision_loss, reason = "1000 years in milliseconds have 45 bits")]
pub(super) fn millis(length: Length) -> f64 {
    length.as_millis() as f64
}

/// Returns a number between 0 and 1, both excluded, from random bits.
#[expect(clippy::cast_precision_loss, reason = "52 bits and a half are what a number holds")]
pub(super) fn unit(bits: u64) -> f64 {
    ((bits >> 12) as f64 + 0.5) * (1.0 / 4_503_599_627_370_496.0)
}

/// Returns the standard normal number below which a share of `unit` lies.
///
/// Wichura, 1988, "Algorithm AS 241: The percentage points of the normal distribution"; right to about 16 digits.
pub(super) fn normal(unit: f64) -> f64 {
    let [middle, below_middle, tail, below_tail, far, below_far] = &COEFFICIENTS;
    let centred = unit - 0.5;
    if centred.abs() <= 0.425 {
        let r = 0.180_625 - centred * centred;
        return centred * polynomial(middle, r) / polynomial(below_middle, r);
    }
    let share = if centred < 0.0 { unit } else { 1.0 - unit };
    let r = (-libm::log(share)).sqrt();
    let number = if r <= 5.0 {
        polynomial(tail, r - 1.6) / polynomial(below_tail, r - 1.6)
    } else {
        polynomial(far, r - 5.0) / polynomial(below_far, r - 5.0)
    };
    if centred < 0.0 { -number } else { number }
}

/// Horner's rule, from the highest power down.
fn polynomial(coefficients: &[f64; 8], x: f64) -> f64 {
    coefficients.iter().fold(0.0, |sum, coefficient| sum * x + coefficient)
}

/// The coefficients of the three rational functions, each from the highest power down: above and below the line, in the middle, in the
/// tail, and far out.
#[expect(clippy::excessive_precision, reason = "these are the digits that were published")]
const COEFFICIENTS: [[f64; 8]; 6] = [
    [
        2.509_080_928_730_122_672_7e3,
        3.343_057_558_358_812_810_5e4,
        6.726_577_092_700_870_085_3e4,
        4.592_195_393_154_987_145_7e4,
        1.373_169_376_550_946_112_5e4,
        1.971_590_950_306_551_442_7e3,
        1.331_416_678_917_843_774_5e2,
        3.387_132_872_796_366_608_0,
    ],
    [
        5.226_495_278_852_854_561_0e3,
        2.872_908_573_572_194_267_4e4,
        3.930_789_580_009_271_061_0e4,
        2.121_379_430_158_659_586_7e4,
        5.394_196_021_424_751_107_7e3,
        6.871_870_074_920_579_083_0e2,
        4.231_333_070_160_091_125_2e1,
        1.0,
    ],
    [
        7.745_450_142_783_414_076_40e-4,
        2.272_384_498_926_918_458_33e-2,
        2.417_807_251_774_506_117_70e-1,
        1.270_458_252_452_368_382_58,
        3.647_848_324_763_204_605_04,
        5.769_497_221_460_691_405_50,
        4.630_337_846_156_545_295_90,
        1.423_437_110_749_683_577_34,
    ],
    [
        1.050_750_071_644_416_843_24e-9,
        5.475_938_084_995_344_946_00e-4,
        1.519_866_656_361_645_719_66e-2,
        1.481_039_764_274_800_745_90e-1,
        6.897_673_349_851_000_045_50e-1,
        1.676_384_830_183_803_849_40,
        2.053_191_626_637_758_821_87,
        1.0,
    ],
    [
        2.010_334_399_292_288_132_65e-7,
        2.711_555_568_743_487_578_15e-5,
        1.242_660_947_388_078_438_60e-3,
        2.653_218_952_657_612_309_30e-2,
        2.965_605_718_285_048_912_30e-1,
        1.784_826_539_917_291_335_80,
        5.463_784_911_164_114_369_90,
        6.657_904_643_501_103_777_20,
    ],
    [
        2.044_263_103_389_939_785_64e-15,
        1.421_511_758_316_445_888_70e-7,
        1.846_318_317_510_054_681_80e-5,
        7.868_691_311_456_132_591_00e-4,
        1.487_536_129_085_061_485_25e-2,
        1.369_298_809_227_358_053_10e-1,
        5.998_322_065_558_879_376_90e-1,
        1.0,
    ],
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_normal_distribution_is_that_of_the_tables() {
        for (share, expected) in [
            (1e-17, -8.493_793_224_109_6),
            (1e-10, -6.361_340_902_404_056),
            (0.001, -3.090_232_306_167_813),
            (0.05, -1.644_853_626_951_472_6),
            (0.3, -0.524_400_512_708_040_7),
            (0.5, 0.0),
            (0.95, 1.644_853_626_951_471_5),
            (0.999, 3.090_232_306_167_813),
        ] {
            assert!((normal(share) - expected).abs() < 1e-12, "{share}: {}", normal(share));
        }
    }

    #[test]
    fn the_percentiles_are_those_that_were_given() {
        let minutes = |minutes: u64| Length::from_secs(minutes * 60);
        let twenty = Lognormal::through(minutes(20), minutes(50));
        assert_eq!(twenty.at(0.0), minutes(20).as_millis());
        assert_eq!(twenty.at(Z95), minutes(50).as_millis());
        assert_eq!(twenty.at(-Z95), minutes(8).as_millis());
        assert_eq!(Lognormal::with_ratio(minutes(7), 1.0).at(3.0), minutes(7).as_millis());
        assert_eq!(Lognormal::through(Length::ZERO, minutes(1)).at(3.0), 0);
        // A smaller 95th percentile than the median is taken for no spread.
        assert_eq!(Lognormal::through(minutes(20), minutes(10)).at(3.0), minutes(20).as_millis());
    }

    #[test]
    fn what_was_measured_is_fitted() {
        let samples = [10, 20, 40].map(|minutes| Length::from_secs(minutes * 60));
        let fitted = Lognormal::fitted(&samples).unwrap();
        assert!((fitted.median - 1_200_000.0).abs() < 1e-6, "{fitted:?}");
        assert!((fitted.sigma - std::f64::consts::LN_2).abs() < 1e-12, "{fitted:?}");
        assert_eq!(Lognormal::fitted(&samples[..1]), None);
        assert_eq!(Lognormal::fitted(&[Length::ZERO, samples[0]]), None);
    }

    #[test]
    fn the_table_is_as_good_as_the_formula() {
        for sigma in [0.1, 0.42, 1.0, 2.5] {
            let factors = Factors::new(sigma);
            for bits in (0..=u64::MAX).step_by(usize::MAX / 100_000) {
                let exact = libm::exp(sigma * normal(unit(bits)));
                assert!((factors.at(bits) / exact - 1.0).abs() < 1e-4, "{sigma} at {}", unit(bits));
            }
        }
        let (usual, bits) = (Factors::new(0.42), u64::MAX / 50);
        let exact = libm::exp(0.42 * normal(unit(bits)));
        assert!((usual.at(bits) / exact - 1.0).abs() < 1e-5);
    }

    #[test]
    fn numbers_are_between_zero_and_one() {
        assert!(unit(0) > 0.0 && unit(u64::MAX) < 1.0);
        assert!(normal(unit(0)).is_finite() && normal(unit(u64::MAX)).is_finite());
    }
}
