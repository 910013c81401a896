//! Writes a page in any layout, as vendors and copies of their pages have it.
//!
//! What a layout cannot say is lost, as it is in the wild; [`said`] is the page that is left.

mod html;
mod text;

use std::fmt;

use xtask::audit::page::{Code, Member, Operation, Page, Place, Type};

/// How a page is written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Layout {
    /// Its form.
    pub form: Form,
    /// The language of its headings, headers and marks; descriptions stay as they are.
    pub language: Language,
    /// Whether something stands over each table.
    pub captions: bool,
}

/// The forms.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Form {
    /// Pipe tables with outer bars, under headings, as made from HTML: marks escaped.
    Markdown,
    /// Pipe tables with outer bars, and plain lines.
    Pipes,
    /// The same, rows split over lines.
    SplitPipes,
    /// Without outer bars.
    BarePipes,
    /// With a bar behind each cell only.
    TrailingPipes,
    /// With each cell at a line of its own.
    BrokenPipes,
    /// One cell a line, blank lines between, long texts over several lines.
    Cells,
    /// One cell a line, no blank lines.
    TightCells,
    /// One row a line, cells parted by one blank; lists in a text swallow the next row.
    Words,
    /// One row a line, cells parted by tabs.
    Tabs,
    /// One row a line, cells aligned.
    Aligned,
    /// Lists of names, types and marks glued together, the description below.
    Glued,
    /// The same, the description behind.
    GluedBehind,
    /// Grid tables of reStructuredText.
    Grid,
    /// Simple tables of reStructuredText.
    Simple,
    /// Tables with caption and head, as Huawei's help centre has them.
    HelpCentre,
    /// What Sphinx makes of reStructuredText.
    Sphinx,
    /// Tables without caption and head, as Tencent has them.
    PlainHtml,
    /// Lists inside lists, as ZStack's explorer has them.
    Explorer,
}

/// The languages.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Language {
    English,
    Chinese,
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let captions = if self.captions { "" } else { " without captions" };
        write!(f, "{:?} in {:?}{captions}", self.form, self.language)
    }
}

/// Every layout.
pub fn layouts() -> Vec<Layout> {
    use Form::*;
    let forms = [
        Markdown, Pipes, SplitPipes, BarePipes, TrailingPipes, BrokenPipes, Cells, TightCells,
        Words, Tabs, Aligned, Glued, GluedBehind, Grid, Simple, HelpCentre, Sphinx, PlainHtml,
        Explorer,
    ];
    let mut layouts = Vec::new();
    for form in forms {
        for language in [Language::English, Language::Chinese] {
            for captions in [true, false] {
                layouts.push(Layout { form, language, captions });
            }
        }
    }
    layouts
}

/// The page in a layout.
pub fn render(page: &Page, layout: Layout) -> String {
    let parts = Outline { layout, parts: Vec::new(), tables: 0 }.page(page);
    match layout.form {
        Form::HelpCentre | Form::Sphinx | Form::PlainHtml | Form::Explorer => {
            html::write(&parts, layout)
        }
        _ => text::write(&parts, layout),
    }
}

/// What of a page a layout can say.
pub fn said(page: &Page, layout: Layout) -> Page {
    let mut page = page.clone();
    page.not_understood.clear();
    if layout.is_list() {
        for operation in &mut page.operations {
            // A list marks what is required, and nothing else.
            let request = operation.request.iter_mut().flatten();
            request.for_each(unmarked);
            if let Some(answer) = &mut operation.answer
                && answer.iter().any(is_marked)
            {
                answer.iter_mut().for_each(unmarked);
            }
        }
    }
    page
}

fn is_marked(member: &Member) -> bool {
    member.required == Some(true) || member.members.iter().any(is_marked)
}

fn unmarked(member: &mut Member) {
    member.required.get_or_insert(false);
    member.members.iter_mut().for_each(unmarked);
}

impl Layout {
    /// Whether members stand in lists.
    fn is_list(self) -> bool {
        matches!(self.form, Form::Glued | Form::GluedBehind | Form::Explorer)
    }

    fn words(self, english: &'static str, chinese: &'static str) -> String {
        match self.language {
            Language::English => english.to_owned(),
            Language::Chinese => chinese.to_owned(),
        }
    }
}

/// A piece of a page, without a form.
pub enum Part {
    Heading(String),
    Line(String),
    Table { caption: Option<String>, header: Vec<String>, rows: Vec<Vec<String>> },
    List(Vec<Member>),
}

struct Outline {
    layout: Layout,
    parts: Vec<Part>,
    tables: usize,
}

impl Outline {
    fn page(mut self, page: &Page) -> Vec<Part> {
        let words = |english, chinese| self.layout.words(english, chinese);
        if let Some(edition) = &page.edition {
            let line = words("Last updated: ", "最近更新时间：") + &edition.text + " 16:27:17";
            self.parts.push(Part::Line(line));
        }
        for operation in &page.operations {
            self.operation(operation);
        }
        for object in &page.types {
            self.parts.push(Part::Heading(object.name.text.clone()));
            let used = self.layout.words("Used by actions: ", "被如下接口引用：");
            let parted = self.layout.words(", ", "、");
            self.parts.push(Part::Line(used + &object.used_by.join(&parted) + "."));
            self.table(None, &object.members, false);
        }
        self.parts
    }

    fn heading(&mut self, english: &'static str, chinese: &'static str) {
        let text = self.layout.words(english, chinese);
        self.parts.push(Part::Heading(text));
    }

    fn operation(&mut self, operation: &Operation) {
        let request = operation.request.as_deref().unwrap_or_default();
        let common = |name| {
            request.iter().any(|member| member.name == name && member.place == Place::Header)
        };
        if let Some(id) = operation.id.as_ref().filter(|_| !common("Action")) {
            self.heading("Operation ID", "操作ID");
            self.parts.push(Part::Line(id.text.clone()));
        }
        self.heading("Function", "功能介绍");
        if operation.deprecated.is_some() {
            let line = self.layout.words("This API is deprecated.", "该接口已废弃。");
            self.parts.push(Part::Line(line));
        }
        if let Some(version) = operation.version.as_ref().filter(|_| !common("Version")) {
            let line = self.layout.words("Since ", "起始版本：") + &version.text;
            self.parts.push(Part::Line(line));
        }
        if let Some((_, rate)) = operation.rate {
            let line = match self.layout.language {
                Language::English => {
                    format!(
                        "A maximum of {rate} requests can be initiated per second for this API."
                    )
                }
                Language::Chinese => format!("默认接口请求频率限制：{rate}次/秒。"),
            };
            self.parts.push(Part::Line(line));
        }
        self.heading("URI", "URI");
        if let (Some(method), Some(path)) = (&operation.method, &operation.path) {
            self.parts.push(Part::Line(format!("{} {}", method.text, path.text)));
        }
        self.request(request, operation.request.is_some());
        if let Some(answer) = &operation.answer {
            self.heading("Response Parameters", "响应参数");
            if answer.is_empty() {
                self.nothing();
            } else {
                self.parts.push(Part::Line(self.layout.words("Status code: 200", "状态码：200")));
                self.members(("Response body parameters", "响应Body参数"), answer.clone(), true);
            }
        }
        self.codes(
            ("Status Codes", "状态码"),
            ("Status Code", "状态码"),
            operation.statuses.as_deref(),
        );
        self.codes(
            ("Error Codes", "错误码"),
            ("Error Code", "错误码"),
            operation.errors.as_deref(),
        );
    }

    fn nothing(&mut self) {
        self.parts.push(Part::Line(self.layout.words("None", "无")));
    }

    fn request(&mut self, request: &[Member], is_there: bool) {
        let at = |places: &[Place]| -> Vec<Member> {
            request.iter().filter(|member| places.contains(&member.place)).cloned().collect()
        };
        for (place, words) in [
            (Place::Path, ("Path Parameters", "路径参数")),
            (Place::Query, ("Query Parameters", "Query参数")),
        ] {
            self.members(words, at(&[place]), false);
        }
        if !is_there {
            return;
        }
        self.heading("Request Parameters", "请求参数");
        if request.is_empty() {
            self.nothing();
        } else if self.layout.captions || self.layout.is_list() {
            self.members(
                ("Request header parameters", "请求Header参数"),
                at(&[Place::Header]),
                false,
            );
            self.members(("Request body parameters", "请求Body参数"), at(&[Place::Body]), false);
        } else {
            self.members(("", ""), at(&[Place::Header, Place::Body]), false);
        }
    }

    fn members(
        &mut self,
        words: (&'static str, &'static str),
        members: Vec<Member>,
        is_answer: bool,
    ) {
        if members.is_empty() {
            return;
        }
        if self.layout.is_list() {
            if !is_answer {
                self.heading(words.0, words.1);
            }
            self.parts.push(Part::List(members));
            return;
        }
        let caption = self.layout.captions.then(|| self.layout.words(words.0, words.1));
        self.table(caption, &members, is_answer);
    }

    fn table(&mut self, caption: Option<String>, members: &[Member], is_answer: bool) {
        let caption = caption.map(|caption| {
            self.tables += 1;
            format!("{} {} {caption}", self.layout.words("Table", "表"), self.tables)
        });
        let marked = members.iter().any(|member| member.required.is_some());
        let mut header = vec![self.layout.words("Parameter", "参数名称")];
        if marked || !is_answer {
            header.push(self.layout.words("Mandatory", "是否必选"));
        }
        header.push(self.layout.words("Type", "参数类型"));
        header.push(self.layout.words("Description", "描述"));
        let mut rows = Vec::new();
        for member in members {
            self.rows("", member, header.len() == 4, &mut rows);
        }
        self.parts.push(Part::Table { caption, header, rows });
    }

    fn rows(&self, path: &str, member: &Member, marked: bool, rows: &mut Vec<Vec<String>>) {
        let name = format!("{path}{}", member.name);
        let mut row = vec![name.clone()];
        if marked {
            row.push(match member.required {
                Some(true) => self.layout.words("Yes", "是"),
                Some(false) => self.layout.words("No", "否"),
                None => String::new(),
            });
        }
        row.push(member.ty.as_ref().map_or_else(String::new, written));
        row.push(member.text.clone());
        rows.push(row);
        for inner in &member.members {
            self.rows(&format!("{name}."), inner, marked, rows);
        }
    }

    fn codes(
        &mut self,
        heading: (&'static str, &'static str),
        header: (&'static str, &'static str),
        codes: Option<&[Code]>,
    ) {
        let Some(codes) = codes else { return };
        self.heading(heading.0, heading.1);
        if codes.is_empty() {
            self.nothing();
            return;
        }
        let header =
            vec![self.layout.words(header.0, header.1), self.layout.words("Description", "描述")];
        let rows = codes.iter().map(|code| vec![code.code.clone(), code.text.clone()]).collect();
        self.parts.push(Part::Table { caption: None, header, rows });
    }
}

/// A type as vendors write it.
fn written(ty: &Type) -> String {
    match ty {
        Type::Map => "LinkedHashMap".to_owned(),
        other => other.to_string(),
    }
}
