//! Layouts of HTML, each with what its vendor puts around.

use xtask::audit::page::Member;

use super::{Form, Language, Layout, Part, written};

/// Writes the parts.
pub fn write(parts: &[Part], layout: Layout) -> String {
    let mut body = String::new();
    for part in parts {
        match part {
            Part::Heading(text) => body.push_str(&heading(text, layout.form)),
            Part::Line(text) => body.push_str(&format!("<p>{}</p>\n", escape(text))),
            Part::Table { caption, header, rows } => {
                body.push_str(&table(caption.as_deref(), header, rows, layout.form));
            }
            Part::List(members) => body.push_str(&list(members, layout)),
        }
    }
    let lang = if layout.language == Language::Chinese { "zh-CN" } else { "en" };
    format!(
        "<!DOCTYPE html>\n<html lang=\"{lang}\">\n<head><meta charset=\"utf-8\"><title>Page - Docs</title>\n\
         <style>table {{ border: 0 }}</style><script>window.state = {{\"a\": \"<table>\"}};</script></head>\n<body>\n\
         <nav><ul><li><a href=\"/\">Home</a></li><li><a href=\"/api\">API Reference</a></li></ul></nav>\n\
         <main>\n{body}</main>\n<footer><p>Feedback</p></footer>\n</body>\n</html>\n"
    )
}

fn heading(text: &str, form: Form) -> String {
    let text = escape(text);
    match form {
        Form::HelpCentre => {
            format!("<div class=\"section\"><h4 class=\"sectiontitle\">{text}</h4></div>\n")
        }
        Form::Sphinx => {
            format!("<h2>{text}<a class=\"headerlink\" href=\"#s\" title=\"Link\">¶</a></h2>\n")
        }
        Form::Explorer => format!("<section><h2><span>{text}</span></h2></section>\n"),
        _ => format!("<h2 id=\"x\">{text}</h2>\n"),
    }
}

fn table(caption: Option<&str>, header: &[String], rows: &[Vec<String>], form: Form) -> String {
    let mut out = String::from(match form {
        Form::HelpCentre => "<div class=\"tablenoborder\"><table cellpadding=\"4\" border=\"1\">",
        Form::Sphinx => "<table class=\"docutils align-default\">\n",
        _ => "<div class=\"table-wrap\"><table>",
    });
    let numbered = |caption: &str| {
        let (number, rest) =
            caption.split_at(caption.match_indices(' ').nth(1).map_or(0, |(at, _)| at));
        (escape(number), escape(rest))
    };
    match (form, caption.map(numbered)) {
        (Form::HelpCentre, Some((number, rest))) => {
            out.push_str(&format!("<caption><b>{number} </b>{rest}</caption>"));
        }
        (Form::Sphinx, Some((number, rest))) => out.push_str(&format!(
            "<caption><span class=\"caption-text\"><strong>{number}</strong>{rest}</span>\
             <a class=\"headerlink\" href=\"#t\">¶</a></caption>\n"
        )),
        (_, Some((number, rest))) => out = format!("<p><b>{number}{rest}</b></p>\n{out}"),
        (_, None) => {}
    }
    let cells = |tag: &str, cells: &[String]| {
        let cell = |text: &String| match form {
            Form::PlainHtml => format!("<{tag}>{}</{tag}>", inside(text)),
            Form::Sphinx => format!("<{tag} class=\"head\"><p>{}</p></{tag}>\n", inside(text)),
            _ => format!("<{tag} valign=\"top\" width=\"25%\"><p>{}</p></{tag}>\n", inside(text)),
        };
        format!("<tr>{}</tr>\n", cells.iter().map(cell).collect::<String>())
    };
    if form == Form::PlainHtml {
        // The first row is a row like any other.
        out.push_str(&format!("<tbody>{}", cells("td", header)));
    } else {
        out.push_str(&format!("<thead>{}</thead>\n<tbody>", cells("th", header)));
    }
    out.extend(rows.iter().map(|row| cells("td", row)));
    out.push_str("</tbody></table>\n");
    if form != Form::Sphinx {
        out.push_str("</div>\n");
    }
    out
}

/// The text of a cell, its list as a list.
fn inside(text: &str) -> String {
    let mut items = text.split(" - ").map(escape);
    let first = items.next().unwrap_or_default();
    let items: String = items.map(|item| format!("<li>{item}</li>")).collect();
    if items.is_empty() { first } else { format!("{first}<ul>{items}</ul>") }
}

fn list(members: &[Member], layout: Layout) -> String {
    let mut out = String::from("<ul class=\"fields\">\n");
    for member in members {
        let ty = member.ty.as_ref().map_or_else(String::new, written);
        let mark = match (member.required, layout.language) {
            (Some(true), Language::English) => "<span class=\"tag\">Required</span>",
            (Some(true), Language::Chinese) => "<span class=\"tag\">必填</span>",
            _ => "",
        };
        out.push_str(&format!(
            "<li><div><span class=\"name\">{}</span><span class=\"type\">{}</span>{mark}</div>",
            escape(&member.name),
            escape(&ty)
        ));
        if !member.text.is_empty() {
            out.push_str(&format!("<p>{}</p>", escape(&member.text)));
        }
        if !member.members.is_empty() {
            out.push_str(&list(&member.members, layout));
        }
        out.push_str("</li>\n");
    }
    out + "</ul>\n"
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
