//! Draws lines over time as SVG.

use hemostat_engine::base::time;

use super::page::escape;

const WIDTH: f64 = 960.0;
const HEIGHT: f64 = 240.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 28.0;
const TOP: f64 = 26.0;
const BOTTOM: f64 = 24.0;

/// The maximum number of lines in one plot; there are as many colours.
pub(crate) const LINES: usize = 6;

/// A line: its name, and a value for each step; `None` leaves a gap.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    pub(crate) name: String,
    pub(crate) values: Vec<Option<f64>>,
}

/// A marked moment (Unix milliseconds).
#[derive(Debug, Clone)]
pub(crate) struct Mark {
    pub(crate) at: u64,
    pub(crate) name: String,
    /// It marks the beginning of an incident, not a release.
    pub(crate) begin: bool,
}

/// Several lines over one period (Unix milliseconds).
#[derive(Debug, Clone)]
pub(crate) struct Plot<'a> {
    pub(crate) title: &'a str,
    pub(crate) from: u64,
    pub(crate) to: u64,
    pub(crate) lines: Vec<Line>,
    pub(crate) marks: &'a [Mark],
    /// Formats a value for the axis.
    pub(crate) unit: fn(f64) -> String,
}

/// The next round number at or above a value: 1, 2 or 5 times a power of ten.
fn round_up(value: f64) -> f64 {
    if value <= 0.0 || !value.is_finite() {
        return 1.0;
    }
    let power = 10_f64.powf(value.log10().floor());
    [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|step| step * power)
        .find(|step| *step >= value * 0.999)
        .unwrap_or(value)
}

/// Times for the axis: at most twelve, a round number of minutes apart.
fn ticks(from: u64, to: u64) -> Vec<u64> {
    const MINUTE: u64 = 60_000;
    let steps = [1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440, 2880, 10_080, 40_320];
    let span = to.saturating_sub(from);
    let step = steps.iter().map(|step| step * MINUTE).find(|step| span / step <= 10);
    let step = step.unwrap_or(span.max(1));
    let first = from.div_ceil(step) * step;
    (0..12).map(|at| first + at * step).filter(|at| *at <= to).collect()
}

impl Plot<'_> {
    /// The figure, with a legend that names each line.
    pub(crate) fn figure(&self) -> String {
        let title = escape(self.title);
        let highest =
            self.lines.iter().flat_map(|line| &line.values).flatten().copied().fold(0.0, f64::max);
        let top = round_up(highest);
        let span = self.to.saturating_sub(self.from).max(1) as f64;
        let x =
            |at: u64| LEFT + (at.saturating_sub(self.from) as f64 / span) * (WIDTH - LEFT - RIGHT);
        let y =
            |value: f64| HEIGHT - BOTTOM - (value / top).clamp(0.0, 1.0) * (HEIGHT - TOP - BOTTOM);
        let mut svg =
            format!("<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{title}\">\n");
        for part in 0..=2 {
            let value = top * f64::from(part) / 2.0;
            let at = y(value);
            svg.push_str(&format!(
                "<line class=\"axis\" x1=\"{LEFT}\" x2=\"{}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/><text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>\n",
                WIDTH - RIGHT,
                LEFT - 6.0,
                at + 4.0,
                escape(&(self.unit)(value))
            ));
        }
        let days = self.to / 86_400_000 != self.from / 86_400_000;
        for at in ticks(self.from, self.to) {
            let text = time::format(at / 1000);
            let label = if days {
                text.get(5..16).unwrap_or_default().replace('T', " ")
            } else {
                text.get(11..16).unwrap_or_default().to_owned()
            };
            svg.push_str(&format!(
                "<text x=\"{:.1}\" y=\"{}\" text-anchor=\"middle\">{label}</text>\n",
                x(at),
                HEIGHT - 6.0
            ));
        }
        self.marks(&mut svg, &x);
        let step =
            span / self.lines.iter().map(|line| line.values.len()).max().unwrap_or(1).max(1) as f64;
        for (number, line) in self.lines.iter().enumerate() {
            let mut path = String::new();
            let mut pen = false;
            for (at, value) in line.values.iter().enumerate() {
                let Some(value) = value else {
                    pen = false;
                    continue;
                };
                let at = self.from + ((at as f64 + 0.5) * step) as u64;
                path.push_str(&format!(
                    "{}{:.1} {:.1}",
                    if pen { "L" } else { "M" },
                    x(at),
                    y(*value)
                ));
                // A point without neighbours is drawn as a dot.
                if !pen {
                    path.push_str("h.01");
                }
                pen = true;
            }
            svg.push_str(&format!(
                "<path class=\"s s{}\" d=\"{path}\"><title>{}</title></path>\n",
                number % LINES,
                escape(&line.name)
            ));
        }
        svg.push_str("</svg>\n");
        let legend: String = self
            .lines
            .iter()
            .enumerate()
            .map(|(number, line)| {
                format!("<li><i class=\"s{}\"></i>{}</li>", number % LINES, escape(&line.name))
            })
            .collect();
        format!(
            "<figure>\n<figcaption>{title}</figcaption>\n{svg}<ul class=\"legend\">{legend}</ul>\n</figure>\n"
        )
    }

    /// Vertical lines. Names that would overlap are left out; the table has them.
    fn marks(&self, svg: &mut String, x: &dyn Fn(u64) -> f64) {
        let mut free = LEFT;
        for mark in self.marks.iter().filter(|mark| (self.from..=self.to).contains(&mark.at)) {
            let (at, class) = (x(mark.at), if mark.begin { "begin" } else { "release" });
            svg.push_str(&format!(
                "<line class=\"{class}\" x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"{}\" y2=\"{}\"><title>{} {}</title></line>\n",
                TOP - 8.0,
                HEIGHT - BOTTOM,
                escape(&mark.name),
                time::format(mark.at / 1000)
            ));
            let shown: String = mark.name.chars().take(24).collect();
            let wide = shown.chars().count() as f64 * 6.2;
            let begin = (at + 3.0).min(WIDTH - RIGHT - wide);
            if begin >= free {
                svg.push_str(&format!(
                    "<text x=\"{begin:.1}\" y=\"{}\">{}</text>\n",
                    TOP - 12.0,
                    escape(&shown)
                ));
                free = begin + wide + 8.0;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_are_round() {
        assert_eq!([0.0, 0.041, 1.0, 7.0, 1500.0].map(round_up), [1.0, 0.05, 1.0, 10.0, 2000.0]);
        assert_eq!(ticks(0, 3_600_000).len(), 7);
        assert!(ticks(5, 5).len() <= 1);
    }
}
