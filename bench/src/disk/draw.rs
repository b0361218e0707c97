//! What is asked for: sizes and popularity as the Web has them, and orders without repetition.
//!
//! Sizes follow P. Barford and M. Crovella, "Generating Representative Web Workloads for Network and
//! Server Performance Evaluation" (SIGMETRICS 1998), whose SURGE fits a lognormal body (mu 9.357,
//! sigma 1.318) and a Pareto tail (133 kB, alpha 1.1) for 7 % of the files. The tail is cut at
//! 1 MiB, the largest that is stored in one piece. Popularity is Zipf's, independent of size.
//!
//! It is all a function of seeds, so that every server is asked for the same.

use super::source::OBJECT_BYTES_MAX;

const BODY_MU: f64 = 9.357;
const BODY_SIGMA: f64 = 1.318;
const TAIL_PART: f64 = 0.07;
const TAIL_BYTES: f64 = 133_000.0;
const TAIL_ALPHA: f64 = 1.1;
/// No file is smaller: it would be a redirection or an error.
const LEAST_BYTES: f64 = 64.0;

/// Numbers that look random; `SplitMix64` by Steele, Lea and Flood (2014).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    /// The next 64 bits.
    pub(crate) fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// The next number from 0 up to 1.
    pub(crate) fn part(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// The next number below `bound`.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.bits()) * u128::from(bound)) >> 64) as u64
    }
}

/// The size of file number `number`.
pub(crate) fn web_bytes(number: u64) -> usize {
    let mut dice = Dice(number.wrapping_mul(0xd134_2543_de82_ef95));
    let bytes = if dice.part() < TAIL_PART {
        TAIL_BYTES * (1.0 - dice.part()).powf(-1.0 / TAIL_ALPHA)
    } else {
        lognormal(&mut dice)
    };
    (bytes as usize).min(OBJECT_BYTES_MAX)
}

/// The body, which ends where the tail begins.
fn lognormal(dice: &mut Dice) -> f64 {
    loop {
        // Box and Muller (1958).
        let radius = (-2.0 * (1.0 - dice.part()).ln()).sqrt();
        let normal = radius * (std::f64::consts::TAU * dice.part()).cos();
        let bytes = (BODY_MU + BODY_SIGMA * normal).exp();
        if bytes < TAIL_BYTES {
            return bytes.max(LEAST_BYTES);
        }
    }
}

/// Ranks by Zipf's law.
pub(crate) struct Zipf {
    /// At each rank the part of all requests that goes to it and those before.
    up_to: Vec<f64>,
}

impl Zipf {
    /// `count` ranks, each asked for in proportion to `1 / rank^exponent`.
    pub(crate) fn new(count: usize, exponent: f64) -> Zipf {
        let mut sum = 0.0;
        let mut up_to: Vec<f64> = (1..=count)
            .map(|rank| {
                sum += (rank as f64).powf(-exponent);
                sum
            })
            .collect();
        up_to.iter_mut().for_each(|part| *part /= sum);
        Zipf { up_to }
    }

    /// The next rank, from 0.
    pub(crate) fn draw(&self, dice: &mut Dice) -> usize {
        let part = dice.part();
        let rank = self.up_to.partition_point(|up_to| *up_to <= part);
        rank.min(self.up_to.len().saturating_sub(1))
    }
}

/// The numbers below `count` in an order that `seed` gives (Fisher and Yates).
pub(crate) fn shuffled(count: u32, seed: u64) -> Vec<u32> {
    let mut dice = Dice(seed);
    let mut order: Vec<u32> = (0..count).collect();
    for last in (1..order.len()).rev() {
        let other = usize::try_from(dice.below(last as u64 + 1)).unwrap_or(0);
        order.swap(last, other);
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_those_of_the_paper() {
        let mut sizes: Vec<usize> = (0..100_000).map(web_bytes).collect();
        sizes.sort_unstable();
        // exp(9.357) = 11.6 kB is the median of the body before it is cut at the tail.
        assert!(
            (9_000..14_000).contains(&sizes[50_000]),
            "{}",
            sizes[50_000]
        );
        let tail = sizes.iter().filter(|bytes| **bytes >= 133_000).count();
        assert!((6_500..7_500).contains(&tail), "{tail}");
        assert!(sizes[0] >= 64 && sizes[99_999] <= OBJECT_BYTES_MAX);
        assert_eq!(web_bytes(7), web_bytes(7));
    }

    #[test]
    fn the_first_rank_is_asked_for_twice_as_often_as_the_second_at_exponent_one() {
        let zipf = Zipf::new(1000, 1.0);
        let mut dice = Dice(1);
        let mut counts = [0_u32; 1000];
        (0..200_000).for_each(|_| counts[zipf.draw(&mut dice)] += 1);
        let ratio = f64::from(counts[0]) / f64::from(counts[1]);
        assert!((1.9..2.1).contains(&ratio), "{ratio}");
        assert!(counts[999] > 0);
    }

    #[test]
    fn an_order_has_every_number_once() {
        let mut order = shuffled(1000, 3);
        assert_ne!(order, (0..1000).collect::<Vec<_>>());
        order.sort_unstable();
        assert_eq!(order, (0..1000).collect::<Vec<_>>());
    }
}
