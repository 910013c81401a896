//! Screens as an SVG that moves by CSS alone: a strip of all of them, one below the other, behind a window.

use std::{
    collections::HashMap,
    fmt::{self, Write as _},
};

use vt100::Color;

use crate::screen::{Frame, Recorder, Run, Style};

/// The size of a character, in pixels.
const WIDTH: f64 = 8.4;
const HEIGHT: f64 = 19.0;
/// Where a character's base line is.
const BASE: f64 = 14.0;
/// The space around the screen, and the bar above.
const MARGIN: f64 = 16.0;
const BAR: f64 = 32.0;
/// For how long the last screen is shown.
const END: u64 = 4000;

const FONT: &str =
    "ui-monospace,SFMono-Regular,Menlo,Consolas,'Liberation Mono','DejaVu Sans Mono',monospace";
/// Background, bar, text, and the sixteen colours, on light and on dark pages.
const LIGHT: [&str; 19] = [
    "#ffffff", "#eaeef2", "#1f2328", "#24292f", "#cf222e", "#116329", "#7d4e00", "#0969da",
    "#8250df", "#1b7c83", "#6e7781", "#57606a", "#a40e26", "#1a7f37", "#633c01", "#218bff",
    "#a475f9", "#3192aa", "#8c959f",
];
const DARK: [&str; 19] = [
    "#0d1117", "#21262d", "#e6edf3", "#484f58", "#ff7b72", "#3fb950", "#d29922", "#58a6ff",
    "#bc8cff", "#39c5cf", "#b1bac4", "#8b949e", "#ffa198", "#56d364", "#e3b341", "#79c0ff",
    "#d2a8ff", "#56d4dd", "#ffffff",
];

/// Draws a recording.
pub fn draw(recording: &Recorder) -> String {
    let mut svg = String::new();
    write(&mut svg, recording).expect("a string takes everything");
    svg
}

fn write(svg: &mut String, recording: &Recorder) -> fmt::Result {
    let frames = &recording.frames;
    let rows = frames.iter().map(used).max().unwrap_or(1);
    let (width, height) = (f64::from(recording.columns) * WIDTH, rows as f64 * HEIGHT);
    let (outer, whole) = (width + 2.0 * MARGIN, height + BAR + 2.0 * MARGIN);
    let title = escaped(&recording.title);
    write!(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {outer:.0} {whole:.0}\" width=\"{outer:.0}\" \
         height=\"{whole:.0}\" role=\"img\" aria-labelledby=\"title\">\n<title id=\"title\">{title}</title>\n\
         <desc>{}</desc>\n<style>\n",
        escaped(&recording.text())
    )?;
    style(svg, frames, height)?;
    write!(
        svg,
        "</style>\n<rect class=\"bar\" width=\"{outer:.0}\" height=\"{whole:.0}\" rx=\"8\"/>\n\
         <path class=\"page\" d=\"M0 {BAR}H{outer:.0}V{:.0}a8 8 0 0 1-8 8H8a8 8 0 0 1-8-8z\"/>\n",
        whole - 8.0
    )?;
    for at in 0..3 {
        writeln!(svg, "<circle class=\"c8\" cx=\"{}\" cy=\"16\" r=\"5\"/>", 20 + 18 * at)?;
    }
    let mut known = HashMap::new();
    let mut defined = String::new();
    let mut strip = String::new();
    for (number, frame) in frames.iter().enumerate() {
        write!(strip, "<g transform=\"translate(0 {})\">", number as f64 * height)?;
        if let Some((row, column)) = frame.cursor {
            let (x, y) = (f64::from(column) * WIDTH, f64::from(row) * HEIGHT);
            write!(strip, "<use href=\"#k\" x=\"{x:.1}\" y=\"{y}\"/>")?;
        }
        block(&mut strip, &mut defined, &mut known, &frame.rows[..rows])?;
        strip.push_str("</g>\n");
    }
    let last = (frames.len() - 1) as f64 * height;
    write!(
        svg,
        "<defs>\n<rect id=\"k\" class=\"cursor\" width=\"{WIDTH}\" height=\"{HEIGHT}\"/>\n{defined}</defs>\n\
         <svg x=\"{MARGIN}\" y=\"{}\" width=\"{width:.0}\" height=\"{height}\">\n\
         <g class=\"film text\" transform=\"translate(0 -{last})\">\n{strip}</g>\n</svg>\n</svg>\n",
        BAR + MARGIN
    )
}

/// How many rows of a screen hold anything.
fn used(frame: &Frame) -> usize {
    let text = frame.rows.iter().rposition(|row| !row.is_empty()).map_or(0, |row| row + 1);
    text.max(frame.cursor.map_or(0, |(row, _)| usize::from(row) + 1))
}

fn style(svg: &mut String, frames: &[Frame], height: f64) -> fmt::Result {
    writeln!(svg, ".text{{font-family:{FONT};font-size:14px}}")?;
    writeln!(
        svg,
        ".b{{font-weight:700}}.d{{opacity:.65}}.i{{font-style:italic}}.u{{text-decoration:underline}}"
    )?;
    colors(svg, &LIGHT)?;
    svg.push_str("@media (prefers-color-scheme:dark){\n");
    colors(svg, &DARK)?;
    svg.push_str("}\n");
    let length: u64 = frames.iter().map(|frame| frame.milliseconds).sum::<u64>() + END;
    writeln!(svg, ".film{{animation:film {:.2}s step-end infinite}}", length as f64 / 1000.0)?;
    svg.push_str("@media (prefers-reduced-motion:reduce){.film{animation:none}}\n@keyframes film{");
    let mut begun = 0;
    for (number, frame) in frames.iter().enumerate() {
        let percent = begun as f64 * 100.0 / length as f64;
        write!(svg, "{percent:.2}%{{transform:translateY(-{}px)}}", number as f64 * height)?;
        begun += frame.milliseconds;
    }
    svg.push_str("}\n");
    Ok(())
}

fn colors(svg: &mut String, colors: &[&str; 19]) -> fmt::Result {
    let [page, bar, text, sixteen @ ..] = colors;
    write!(
        svg,
        ".page{{fill:{page}}}.bar{{fill:{bar}}}.text{{fill:{text}}}.cursor{{fill:{text};opacity:.35}}"
    )?;
    for (number, color) in sixteen.iter().enumerate() {
        write!(svg, ".c{number}{{fill:{color}}}")?;
    }
    svg.push('\n');
    Ok(())
}

/// Refers to rows that are drawn once, however often they are shown: the first half, and the second one.
fn block(
    to: &mut String,
    defined: &mut String,
    known: &mut HashMap<String, usize>,
    rows: &[Vec<Run>],
) -> fmt::Result {
    let Some(first) = rows.iter().position(|row| !row.is_empty()) else { return Ok(()) };
    let last = rows.iter().rposition(|row| !row.is_empty()).unwrap_or(first);
    let rows = &rows[first..=last];
    // The parts of a screen have no hash, and their text is one.
    let key = format!("{rows:?}");
    let number = match known.get(&key) {
        Some(number) => *number,
        None => {
            let mut content = String::new();
            match rows {
                [row] => draw_row(&mut content, row)?,
                rows => {
                    // All rows but the last of a screen that grows are those of the screen before.
                    let (before, after) = rows.split_at(rows.len() - 1);
                    block(&mut content, defined, known, before)?;
                    let mut below = String::new();
                    block(&mut below, defined, known, after)?;
                    write!(
                        content,
                        "<g transform=\"translate(0 {})\">{below}</g>",
                        (rows.len() - 1) as f64 * HEIGHT
                    )?;
                }
            }
            let number = known.len();
            known.insert(key, number);
            writeln!(defined, "<g id=\"r{number}\">{content}</g>")?;
            number
        }
    };
    match first {
        0 => write!(to, "<use href=\"#r{number}\"/>"),
        first => write!(to, "<use href=\"#r{number}\" y=\"{}\"/>", first as f64 * HEIGHT),
    }
}

fn draw_row(to: &mut String, row: &[Run]) -> fmt::Result {
    for run in row {
        let (x, width) = (run.column as f64 * WIDTH, run.width as f64 * WIDTH);
        if run.style.background != Color::Default {
            let fill = paint(run.style.background);
            write!(to, "<rect x=\"{x:.1}\" width=\"{width:.1}\" height=\"{HEIGHT}\"{fill}/>")?;
        }
        if run.text.trim().is_empty() {
            continue;
        }
        let length =
            if run.width > 1 { format!(" textLength=\"{width:.1}\"") } else { String::new() };
        let look = look(run.style);
        let text = escaped(&run.text);
        write!(to, "<text x=\"{x:.1}\" y=\"{BASE}\"{length}{look}>{text}</text>")?;
    }
    Ok(())
}

/// The attributes by which text looks as it should.
fn look(style: Style) -> String {
    let mut classes = Vec::new();
    let mut fill = String::new();
    match style.color {
        Color::Idx(number @ 0..16) => classes.push(format!("c{number}")),
        Color::Default if style.background != Color::Default => classes.push("page".to_owned()),
        Color::Default => {}
        color => fill = paint(color),
    }
    for (is_so, class) in
        [(style.bold, "b"), (style.dim, "d"), (style.italic, "i"), (style.underline, "u")]
    {
        if is_so {
            classes.push(class.to_owned());
        }
    }
    if classes.is_empty() { fill } else { format!("{fill} class=\"{}\"", classes.join(" ")) }
}

fn paint(color: Color) -> String {
    let (red, green, blue) = match color {
        Color::Default => return " class=\"text\"".to_owned(),
        Color::Idx(number @ 0..16) => return format!(" class=\"c{number}\""),
        // The cube of colours of terminals, and its greys.
        Color::Idx(number @ 16..232) => {
            let level = |part: u8| if part == 0 { 0 } else { 55 + 40 * part };
            let number = number - 16;
            (level(number / 36), level(number / 6 % 6), level(number % 6))
        }
        Color::Idx(number) => {
            let grey = 8 + 10 * (number - 232);
            (grey, grey, grey)
        }
        Color::Rgb(red, green, blue) => (red, green, blue),
    };
    format!(" fill=\"#{red:02x}{green:02x}{blue:02x}\"")
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
