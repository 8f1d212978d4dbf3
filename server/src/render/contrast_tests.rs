//! Every text of the style sheet against what it stands on, in both schemes: WCAG 2.2 AA, 4.5 to 1; what is not text, 3 to 1.

use super::all;
use regex::Regex;
use std::collections::HashMap;

type Colour = [f64; 3];

/// The colours of the light scheme and of the dark one, by their names.
fn schemes() -> [HashMap<String, Colour>; 2] {
    let colour = Regex::new("--([a-z]+):#([0-9a-f]{3,6})").unwrap();
    let read = |text: &str| -> HashMap<String, Colour> {
        colour.captures_iter(text).map(|found| (found[1].to_owned(), rgb(&found[2]))).collect()
    };
    let (light, rest) = all().css.text.split_once("@media (prefers-color-scheme:dark)").unwrap();
    let (light, dark) = (read(light), read(rest.split_once("}}").unwrap().0));
    assert_eq!(light.len(), dark.len(), "each colour is said for both schemes");
    [light, dark]
}

fn rgb(hex: &str) -> Colour {
    let wide = if hex.len() == 3 { hex.chars().flat_map(|c| [c, c]).collect() } else { hex.to_owned() };
    [0, 2, 4].map(|i| f64::from(u8::from_str_radix(&wide[i..i + 2], 16).unwrap()))
}

/// `color-mix(in srgb, a share, b)`.
fn mix(a: Colour, share: f64, b: Colour) -> Colour {
    [0, 1, 2].map(|i| a[i] * share + b[i] * (1.0 - share))
}

/// Contrast as WCAG 2 defines it.
fn contrast(a: Colour, b: Colour) -> f64 {
    let luminance = |c: Colour| {
        let [r, g, b] =
            c.map(|v| v / 255.0).map(|v| if v <= 0.04045 { v / 12.92 } else { ((v + 0.055) / 1.055).powf(2.4) });
        0.2126 * r + 0.7152 * g + 0.0722 * b
    };
    let (a, b) = (luminance(a), luminance(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

#[test]
fn every_text_can_be_read_in_both_schemes() {
    for (scheme, colours) in ["light", "dark"].into_iter().zip(schemes()) {
        let c = |name: &str| colours[name];
        let mut faint = Vec::new();
        let mut see = |what: String, text: Colour, on: Colour, least: f64| {
            let is = contrast(text, on);
            if is < least {
                faint.push(format!("{scheme}, {what}: {is:.2}"));
            }
        };
        for (text, on) in ["ink", "dim", "link"].iter().flat_map(|t| ["bg", "card", "soft"].map(|on| (*t, on))) {
            see(format!("{text} on {on}"), c(text), c(on), 4.5);
        }
        see("a pressed button".to_owned(), c("card"), c("link"), 4.5);
        for on in ["bg", "card", "soft"] {
            see(format!("the focus on {on}"), c("focus"), c(on), 3.0);
        }
        for state in ["g", "w", "f", "s", "e", "r", "c", "y", "n"] {
            let (tint, own) = (c(state), c(&format!("{state}t")));
            for (text, colour) in [("its text", own), ("ink", c("ink")), ("link", c("link")), ("dim", c("dim"))] {
                see(format!("{text} on {state}"), colour, tint, 4.5);
            }
            // Boxes of the Waterfall, their muted words, and the stripes of what runs.
            let (muted, boxed) = (mix(own, 0.86, tint), mix(tint, 0.88, c("card")));
            for on in [boxed, mix(tint, 0.72, c("card"))].into_iter().take(if state == "y" { 2 } else { 1 }) {
                see(format!("a box of {state}"), own, on, 4.5);
                if state != "n" {
                    see(format!("muted words in a box of {state}"), muted, on, 4.5);
                }
            }
            see(format!("the edge of {state}"), c(&format!("{state}l")), c("card"), 3.0);
            see(format!("a word of {state} in a head, a start box"), own, c("card"), 4.5);
            see(format!("a word of {state} in a start box"), own, c("soft"), 4.5);
        }
        // Logs: colours of programs on plain lines, on lines of the error channel, on the line that was asked for.
        let er = mix(c("f"), 0.45, c("card"));
        for (line, on) in [("a line", c("card")), ("an error line", er), ("the chosen line", c("y"))] {
            for text in ["ink", "dim", "ft", "gt", "wt", "rt", "et", "st"] {
                see(format!("{text} on {line}"), c(text), on, 4.5);
            }
        }
        assert!(faint.is_empty(), "{}", faint.join("\n"));
    }
}

#[test]
fn no_measure_is_named_like_a_colour() {
    let [light, _] = schemes();
    let declared = Regex::new("--([a-z]+):").unwrap();
    for name in light.keys() {
        let n = declared.captures_iter(all().css.text).filter(|found| found[1] == **name).count();
        assert_eq!(n, 2, "--{name} is declared for the light and for the dark scheme, and nowhere else");
        assert!(!["h", "hl", "gc", "nc"].contains(&name.as_str()), "--{name} is a measure that pages set themselves");
    }
}
