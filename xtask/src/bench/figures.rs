//! Figures of measurings: what a percentile is, which of them are not as they should be, and lists for people.

use serde_json::Value;
use std::fmt::Write as _;

/// The value that so many percent are not above.
pub fn percentile(samples: &[f64], percent: f64) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = (percent / 100.0 * sorted.len() as f64).ceil() as usize;
    sorted.get(at.saturating_sub(1)).copied().unwrap_or(f64::NAN)
}

/// Names of the figures of which `verdict` does not hold.
pub fn names_without<'a>(report: &'a Value, verdict: &str) -> Vec<&'a str> {
    let figures = report["figures"].as_array().into_iter().flatten();
    figures.filter(|figure| figure[verdict] != true).filter_map(|figure| figure["name"].as_str()).collect()
}

/// An object's entries as a list in Markdown.
pub fn list(part: &Value) -> String {
    let mut text = String::new();
    for (name, value) in part.as_object().into_iter().flatten() {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        writeln!(text, "- {name}: {value}").expect("writing to a string never fails");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::percentile;

    #[test]
    fn a_percentile_is_one_of_the_samples() {
        let samples: Vec<f64> = (1..=200).rev().map(f64::from).collect();
        assert_eq!((percentile(&samples, 50.0), percentile(&samples, 99.0)), (100.0, 198.0));
        assert_eq!(percentile(&[7.0], 99.0), 7.0);
    }
}
