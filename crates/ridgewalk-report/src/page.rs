//! The page: one self-contained HTML file, headline first, then pictures, then details.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use ridgewalk::survey::{Figure, Finding, Table};

use crate::escape;
use crate::figure;
use crate::finding::{self, setting};
use crate::palette::{DARK, LIGHT};
use crate::table;

const STYLE: &str = include_str!("page.css");
const SCRIPT: [&str; 5] = [
    include_str!("script/base.js"),
    include_str!("script/plot.js"),
    include_str!("script/film.js"),
    include_str!("script/images.js"),
    include_str!("script/files.js"),
];

/// A report page.
///
/// ```
/// use ridgewalk::survey::Finding;
/// use ridgewalk_report::{Footer, Page, Section};
///
/// let page = Page::new("Survey of digits")
///     .headline("None of 64 samples is a copy of a training image")
///     .lead("The samples were drawn with 18 Heun steps and held against 1,797 digits.")
///     .section(
///         Section::new("Memorisation")
///             .text("A sample is a copy if its nearest datum is far nearer than the second.")
///             .finding(Finding::new("memorised-fraction", "No sample is a copy.", 0.0, 64)),
///     )
///     .footer(Footer::new().command("ridgewalk survey digits").licence("Digits: CC BY 4.0"));
/// let html = page.to_html();
/// assert!(html.starts_with("<!DOCTYPE html>") && html.contains("None of 64 samples"));
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    title: String,
    headline: String,
    lead: String,
    sections: Vec<Section>,
    footer: Footer,
}

/// A part of a page: a title, a paragraph or two, and what it shows, in order.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Section {
    /// Its title.
    pub title: String,
    /// Its text; an empty line begins a new paragraph.
    pub text: String,
    /// What it shows.
    pub items: Vec<Item>,
}

/// One thing that a [`Section`] shows.
#[derive(Debug, Clone, PartialEq)]
pub enum Item {
    /// A finding with its figures; its table and settings are folded.
    Finding(Finding),
    /// A figure that belongs to no finding.
    Figure(Figure),
    /// A table with a caption (may be empty).
    Table {
        /// What the table shows.
        caption: String,
        /// The table.
        table: Table,
    },
}

/// What a reader needs to obtain the page again, and whom to thank.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Footer {
    /// Settings of the whole run: the seed, the model, the versions.
    pub settings: BTreeMap<String, serde_json::Value>,
    /// The command that makes the page again.
    pub command: Option<String>,
    /// Works the page rests on, one line each.
    pub citations: Vec<String>,
    /// Licences of data and models shown, one line each.
    pub licences: Vec<String>,
}

impl Page {
    /// An empty page with its title, which names what was looked at.
    pub fn new(title: impl Into<String>) -> Self {
        Page {
            title: title.into(),
            headline: String::new(),
            lead: String::new(),
            sections: Vec::new(),
            footer: Footer::default(),
        }
    }

    /// With the result in one sentence.
    pub fn headline(mut self, sentence: impl Into<String>) -> Self {
        self.headline = sentence.into();
        self
    }

    /// With two or three sentences that say how the result was obtained and how far it goes.
    pub fn lead(mut self, text: impl Into<String>) -> Self {
        self.lead = text.into();
        self
    }

    /// With one more section.
    pub fn section(mut self, section: Section) -> Self {
        self.sections.push(section);
        self
    }

    /// With a footer.
    pub fn footer(mut self, footer: Footer) -> Self {
        self.footer = footer;
        self
    }

    /// Every figure of the page in order, with the name it has there: unique, and safe as a file's stem.
    pub fn figures(&self) -> Vec<(String, &Figure)> {
        let mut names = Names::default();
        let mut out = Vec::new();
        for item in self.sections.iter().flat_map(|s| &s.items) {
            match item {
                Item::Finding(f) => out.extend(f.figures.iter().map(|f| (names.unique(&f.id), f))),
                Item::Figure(f) => out.push((names.unique(&f.id), f)),
                Item::Table { .. } => {}
            }
        }
        out
    }

    /// The page as one HTML file that needs no network.
    pub fn to_html(&self) -> String {
        let headline = if self.headline.is_empty() { &self.title } else { &self.headline };
        let mut out = format!(
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"color-scheme\" content=\"light dark\">\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data: blob:; \
             style-src 'unsafe-inline'; script-src 'unsafe-inline'; base-uri 'none'; form-action 'none'\">\n\
             <link rel=\"icon\" href=\"data:,\">\n<title>{}</title>\n<meta name=\"description\" content=\"{}\">\n\
             <style>{}</style>\n</head>\n<body>\n",
            escape::text(&self.title),
            escape::text(headline),
            style(),
        );
        out += &self.header(headline);
        out += "<main>";
        let mut names = Names::default();
        let mut anchors = Names { prefix: "part-", ..Names::default() };
        for section in &self.sections {
            out += &section.html(&mut names, &mut anchors);
        }
        out += "</main>\n";
        out += &self.footer.html();
        let _ = write!(
            out,
            "<script>\"use strict\";\n(() => {{\n{}}})();\n</script>\n</body>\n</html>\n",
            SCRIPT.concat()
        );
        out
    }

    fn header(&self, headline: &str) -> String {
        let mut out = format!(
            "<header><div class=\"top\"><p class=\"title\">{}</p>\
             <button type=\"button\" id=\"theme\" hidden>Dark</button></div><h1>{}</h1>",
            if headline == self.title { String::new() } else { escape::text(&self.title) },
            escape::text(headline),
        );
        for paragraph in paragraphs(&self.lead) {
            let _ = write!(out, "<p class=\"lead\">{}</p>", escape::text(paragraph));
        }
        let checked: Vec<bool> = self
            .sections
            .iter()
            .flat_map(|s| &s.items)
            .filter_map(|item| if let Item::Finding(f) = item { f.holds } else { None })
            .collect();
        if !checked.is_empty() {
            let met = checked.iter().filter(|&&h| h).count();
            let missed = checked.len() - met;
            out += "<p class=\"tally\">Expectations: ";
            if met > 0 {
                let _ = write!(
                    out,
                    "<span class=\"badge good\"><span aria-hidden=\"true\">✓</span> {met} met</span>"
                );
            }
            if missed > 0 {
                let _ = write!(
                    out,
                    " <span class=\"badge bad\"><span aria-hidden=\"true\">✗</span> {missed} not met</span>"
                );
            }
            out += "</p>";
        }
        out + "</header>\n"
    }
}

impl Section {
    /// An empty section.
    pub fn new(title: impl Into<String>) -> Self {
        Section { title: title.into(), ..Section::default() }
    }

    /// With its text; an empty line begins a new paragraph.
    pub fn text(mut self, text: impl Into<String>) -> Self {
        self.text = text.into();
        self
    }

    /// With one more finding.
    pub fn finding(mut self, finding: Finding) -> Self {
        self.items.push(Item::Finding(finding));
        self
    }

    /// With one more figure.
    pub fn figure(mut self, figure: Figure) -> Self {
        self.items.push(Item::Figure(figure));
        self
    }

    /// With one more table.
    pub fn table(mut self, caption: impl Into<String>, table: Table) -> Self {
        self.items.push(Item::Table { caption: caption.into(), table });
        self
    }

    fn html(&self, names: &mut Names, anchors: &mut Names) -> String {
        let mut out = format!("<section id=\"{}\">", anchors.unique(&self.title));
        if !self.title.is_empty() {
            let _ = write!(out, "<h2>{}</h2>", escape::text(&self.title));
        }
        for paragraph in paragraphs(&self.text) {
            let _ = write!(out, "<p>{}</p>", escape::text(paragraph));
        }
        for item in &self.items {
            match item {
                Item::Finding(f) => {
                    let figures: String = f
                        .figures
                        .iter()
                        .map(|figure| figure::html(figure, &names.unique(&figure.id)))
                        .collect();
                    out += &finding::html(f, &anchors.unique(&f.id), &figures);
                }
                Item::Figure(f) => out += &figure::html(f, &names.unique(&f.id)),
                Item::Table { caption, table } => out += &table::html(table, caption),
            }
        }
        out + "</section>\n"
    }
}

impl Footer {
    /// An empty footer.
    pub fn new() -> Self {
        Footer::default()
    }

    /// With one setting.
    pub fn setting(mut self, key: impl Into<String>, value: impl Into<serde_json::Value>) -> Self {
        self.settings.insert(key.into(), value.into());
        self
    }

    /// With the command that makes the page again.
    pub fn command(mut self, command: impl Into<String>) -> Self {
        self.command = Some(command.into());
        self
    }

    /// With one more work to cite.
    pub fn citation(mut self, citation: impl Into<String>) -> Self {
        self.citations.push(citation.into());
        self
    }

    /// With one more licence.
    pub fn licence(mut self, licence: impl Into<String>) -> Self {
        self.licences.push(licence.into());
        self
    }

    fn html(&self) -> String {
        let mut out = String::from("<footer>");
        if let Some(command) = &self.command {
            let _ = write!(
                out,
                "<h2>Make it again</h2><pre class=\"command\" tabindex=\"0\"><code>{}</code></pre>",
                escape::text(command)
            );
        }
        if !self.settings.is_empty() {
            out += "<details><summary>Settings of the run</summary><dl>";
            for (name, value) in &self.settings {
                let _ = write!(
                    out,
                    "<div><dt>{}</dt><dd>{}</dd></div>",
                    escape::text(name),
                    escape::text(&setting(value))
                );
            }
            out += "</dl></details>";
        }
        for (title, lines) in [("Please cite", &self.citations), ("Licences", &self.licences)] {
            if !lines.is_empty() {
                let _ = write!(out, "<h2>{title}</h2><ul>");
                for line in lines {
                    let _ = write!(out, "<li>{}</li>", escape::text(line));
                }
                out += "</ul>";
            }
        }
        let _ =
            writeln!(out, "<p class=\"made\">Made by ridgewalk {}.</p></footer>", env!("CARGO_PKG_VERSION"));
        out
    }
}

/// Names that are unique on a page.
#[derive(Default)]
struct Names {
    prefix: &'static str,
    taken: BTreeSet<String>,
}

impl Names {
    fn unique(&mut self, id: &str) -> String {
        let stem = format!("{}{}", self.prefix, escape::file_stem(id));
        let mut name = stem.clone();
        let mut count = 1;
        // `theme` is the one id that the page itself has.
        while name == "theme" || !self.taken.insert(name.clone()) {
            count += 1;
            name = format!("{stem}-{count}");
        }
        name
    }
}

fn paragraphs(text: &str) -> impl Iterator<Item = &str> {
    text.split("\n\n").map(str::trim).filter(|p| !p.is_empty())
}

/// The style sheet, with the colours of both themes.
fn style() -> String {
    let series: String = (0..crate::palette::SERIES)
        .map(|i| format!(".plot .c{i}{{stroke:var(--s{i})}}.plot .f{i}{{fill:var(--s{i})}}"))
        .collect();
    STYLE.replace("--light:0;", &LIGHT.css()).replace("--dark:0;", &DARK.css()) + &series
}
