//! What in a mail are its author's own words: everything but quoted mails, forwards, signatures and
//! what programs add at the end. Line by line; nothing is rewritten.

/// The author's share of a mail.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct OwnWords {
    /// The lines that are left, in order; an empty line where something was taken out between them.
    pub(crate) text: String,
    /// Whether a forwarded mail was among what was taken out.
    pub(crate) has_forward: bool,
}

/// What was recognised at a line, and with which line it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Foreign {
    end: usize,
    is_forward: bool,
}

impl Foreign {
    fn until(end: usize) -> Self {
        Self {
            end,
            is_forward: false,
        }
    }
}

/// Leaves out what the author did not write.
pub(crate) fn own_words(body: &str) -> OwnWords {
    let lines: Vec<&str> = body.lines().collect();
    let mut text = String::new();
    let mut has_forward = false;
    let mut gap = false;
    let mut at = 0;
    while at < lines.len() {
        if let Some(foreign) = foreign(&lines, at) {
            has_forward |= foreign.is_forward;
            gap = true;
            at = foreign.end;
            continue;
        }
        let line = lines[at].trim_end();
        if line.trim().is_empty() {
            gap = true;
        } else {
            if !text.is_empty() {
                text.push_str(if gap { "\n\n" } else { "\n" });
            }
            text.push_str(line);
            gap = false;
        }
        at += 1;
    }
    OwnWords {
        text: text.trim().to_owned(),
        has_forward,
    }
}

fn foreign(lines: &[&str], at: usize) -> Option<Foreign> {
    let line = lines[at].trim();
    if line.is_empty() {
        return None;
    }
    if is_quoted(line) {
        return Some(Foreign::until(at + 1));
    }
    if is_forward_marker(line) {
        return Some(Foreign {
            end: lines.len(),
            is_forward: true,
        });
    }
    if is_reply_marker(line) {
        return Some(Foreign::until(end_of_quote(lines, at + 1)));
    }
    let all = Foreign::until(lines.len());
    if (is_rule(line) && cuts_as_rule(lines, at)) || is_header_block(lines, at) {
        return Some(all);
    }
    attribution(lines, at)
        .or_else(|| (is_signature(lines, at) || is_footer(line)).then_some(all))
        .or_else(|| is_mobile_footer(lines, at).then(|| Foreign::until(at + 1)))
}

/// `> text`, `>> text`, and `JS> text` with the initials of who wrote it.
fn is_quoted(line: &str) -> bool {
    let behind_initials = line.trim_start_matches(|c: char| c.is_ascii_uppercase());
    line.len() - behind_initials.len() <= 4 && behind_initials.starts_with('>')
}

fn next_filled(lines: &[&str], from: usize) -> Option<usize> {
    (from..lines.len()).find(|i| !lines[*i].trim().is_empty())
}

/// Where the quote ends that was announced before line `from`: its header lines where marked lines
/// follow, which are recognised by themselves; everything where its lines are not marked.
fn end_of_quote(lines: &[&str], from: usize) -> usize {
    let mut at = from;
    while let Some(next) = next_filled(lines, at) {
        if is_quoted(lines[next].trim()) {
            return next;
        }
        if header_name(lines[next]).is_none() {
            break;
        }
        at = next + 1;
    }
    lines.len()
}

/// Names in `-----Original Message-----`.
const REPLY_MARKERS: [&str; 18] = [
    "original message",
    "original-nachricht",
    "originalnachricht",
    "ursprüngliche nachricht",
    "message d'origine",
    "message original",
    "message initial",
    "mensaje original",
    "mensagem original",
    "messaggio originale",
    "oorspronkelijk bericht",
    "oprindelig meddelelse",
    "opprinnelig melding",
    "ursprungligt meddelande",
    "wiadomość oryginalna",
    "исходное сообщение",
    "原始邮件",
    "reply message",
];

/// Names in `---------- Forwarded message ----------` and openings like `Begin forwarded message:`.
const FORWARD_MARKERS: [&str; 22] = [
    "forwarded message",
    "forwarded by",
    "begin forwarded message",
    "start of forwarded message",
    "weitergeleitete nachricht",
    "weitergeleitet von",
    "anfang der weitergeleiteten nachricht",
    "anfang der weitergeleiteten e-mail",
    "message transféré",
    "message transmis",
    "début du message transféré",
    "début du message réexpédié",
    "mensaje reenviado",
    "inicio del mensaje reenviado",
    "mensagem encaminhada",
    "início da mensagem encaminhada",
    "messaggio inoltrato",
    "inizio messaggio inoltrato",
    "doorgestuurd bericht",
    "vidarebefordrat meddelande",
    "пересылаемое сообщение",
    "转发的邮件",
];

/// The words between two runs of dashes, in lower case.
fn between_dashes(line: &str) -> Option<String> {
    let inner = line.strip_prefix("--")?.trim_start_matches('-');
    // Lotus Notes puts the forwarder and the date behind the name, and then the dashes.
    Some(inner.trim_end_matches('-').trim().to_lowercase())
}

fn is_reply_marker(line: &str) -> bool {
    between_dashes(line).is_some_and(|name| REPLY_MARKERS.contains(&name.as_str()))
}

fn is_forward_marker(line: &str) -> bool {
    match between_dashes(line) {
        Some(name) => FORWARD_MARKERS.iter().any(|marker| {
            name.strip_prefix(marker).is_some_and(|rest| {
                rest.is_empty() || marker.ends_with(" by") || marker.ends_with(" von")
            })
        }),
        None => line
            .strip_suffix(':')
            .is_some_and(|name| FORWARD_MARKERS.contains(&name.trim().to_lowercase().as_str())),
    }
}

/// A line of underscores.
fn is_rule(line: &str) -> bool {
    line.len() >= 20 && line.bytes().all(|byte| byte == b'_')
}

/// A line of underscores ends the author's words where a quoted mail or a list's footer follows.
fn cuts_as_rule(lines: &[&str], at: usize) -> bool {
    let Some(next) = next_filled(lines, at + 1) else {
        return true;
    };
    let footer = ["mailing list", "http://", "https://", "unsubscribe", "@"];
    is_header_block(lines, next)
        || lines[next..].iter().take(3).any(|line| {
            let line = line.to_lowercase();
            footer.iter().any(|mark| line.contains(mark))
        })
}

/// What mail programs call the sender in the head of a quoted mail.
const SENDER_NAMES: [&str; 13] = [
    "from",
    "von",
    "de",
    "da",
    "van",
    "från",
    "fra",
    "od",
    "от",
    "lähettäjä",
    "发件人",
    "差出人",
    "kimden",
];

/// Names of fields that nothing but a mail has: `From: 10:00, To: 12:00` may be a timetable.
const TELLING_NAMES: [&str; 26] = [
    "subject",
    "sent",
    "betreff",
    "gesendet",
    "objet",
    "envoyé",
    "asunto",
    "enviado",
    "enviado el",
    "assunto",
    "oggetto",
    "inviato",
    "onderwerp",
    "verzonden",
    "ämne",
    "skickat",
    "emne",
    "sendt",
    "temat",
    "wysłano",
    "тема",
    "отправлено",
    "主题",
    "发送时间",
    "konu",
    "lähetetty",
];

/// What they call the rest of that head.
const HEADER_NAMES: [&str; 20] = [
    "date",
    "to",
    "cc",
    "reply-to",
    "importance",
    "datum",
    "an",
    "à",
    "fecha",
    "para",
    "data",
    "a",
    "aan",
    "till",
    "til",
    "do",
    "дата",
    "кому",
    "收件人",
    "kime",
];

/// The name of a header field at the start of a line, in lower case, bold or not; `None` where no
/// known one stands there.
fn header_name(line: &str) -> Option<String> {
    let (name, _) = line.split_once([':', '：'])?;
    let name = name.trim_matches(|c: char| c.is_whitespace() || c == '*');
    // No name is longer; long lines need not be lower-cased.
    if name.len() > 24 {
        return None;
    }
    let name = name.to_lowercase();
    let is_known = [&SENDER_NAMES[..], &TELLING_NAMES, &HEADER_NAMES]
        .iter()
        .any(|names| names.contains(&name.as_str()));
    is_known.then_some(name)
}

/// Whether the head of a quoted mail begins here: its sender and two more fields within six lines.
fn is_header_block(lines: &[&str], at: usize) -> bool {
    if header_name(lines[at]).is_none() {
        return false;
    }
    let mut names = Vec::new();
    for line in lines[at..]
        .iter()
        .filter(|line| !line.trim().is_empty())
        .take(6)
    {
        if let Some(name) = header_name(line).filter(|name| !names.contains(name)) {
            names.push(name);
        }
    }
    let has = |known: &[&str]| names.iter().any(|name| known.contains(&name.as_str()));
    names.len() >= 3 && has(&SENDER_NAMES) && has(&TELLING_NAMES)
}

/// How the line before a quote begins, in lower case.
const OPENERS: [&str; 17] = [
    "on ",
    "at ",
    "in article ",
    "am ",
    "le ",
    "el ",
    "il ",
    "il giorno ",
    "em ",
    "op ",
    "den ",
    "på ",
    "dnia ",
    "w dniu ",
    "dne ",
    "a(z) ",
    "в ",
];

/// Its verb.
const VERBS: [&str; 22] = [
    "wrote",
    "writes",
    "schrieb",
    "schreef",
    "a écrit",
    "escribió",
    "escribio",
    "escreveu",
    "ha scritto",
    "skrev",
    "kirjoitti",
    "napisał",
    "napisała",
    "napisał(a)",
    "pisze",
    "napsal",
    "пишет",
    "написал",
    "написала",
    "yazdı",
    "写道",
    "のメール",
];

/// Longer lines are prose.
const ATTRIBUTION_BYTES: usize = 300;

/// `On 5 January 2004, Ana wrote:` in several languages, on up to four lines. Where marked lines
/// follow it is that line alone, and the author's answers between them stay; where unmarked ones
/// follow, everything is the quote.
fn attribution(lines: &[&str], at: usize) -> Option<Foreign> {
    let mut joined = String::new();
    for (i, line) in lines[at..].iter().take(4).enumerate() {
        let line = line.trim();
        if line.is_empty() || is_quoted(line) || joined.len() + line.len() > ATTRIBUTION_BYTES {
            return None;
        }
        if i > 0 {
            let first = lines[at];
            let is_begun = first.contains('@') || opens(first) && has_date(first);
            let begins_anew =
                opens(line) && has_date(line) || !is_begun && certainty(line).is_some();
            let can_go_on = is_begun || opens(first);
            if begins_anew || !can_go_on || joined.ends_with(['.', '!', '?']) {
                return None;
            }
            joined.push(' ');
        }
        joined.push_str(line);
        let next = next_filled(lines, at + i + 1);
        let is_followed = next.is_none_or(|next| is_quoted(lines[next].trim()));
        match certainty(&joined) {
            Some(Certainty::IfQuoteFollows) if i > 0 => {}
            Some(_) if is_followed => return Some(Foreign::until(at + i + 1)),
            Some(Certainty::Certain) => return Some(Foreign::until(lines.len())),
            _ => {}
        }
    }
    None
}

/// How surely a line is no sentence of the author's.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Certainty {
    Certain,
    /// As `Ana wrote:`, which may as well begin a paragraph.
    IfQuoteFollows,
}

/// Whether a line says who wrote what follows; `None` where it does not.
fn certainty(line: &str) -> Option<Certainty> {
    let line = line.trim_matches(|c: char| c.is_whitespace() || c == '*' || c == '_');
    let in_brackets = line.contains('@') && line.contains('<') && line.contains('>');
    // Gmail of old: `2004/1/5 Ana <ana@example.org>`.
    if in_brackets && line.ends_with('>') && line.starts_with(|c: char| c.is_ascii_digit()) {
        return Some(Certainty::IfQuoteFollows);
    }
    if !line.ends_with([':', '：']) {
        return None;
    }
    let lower = line.to_lowercase();
    if !VERBS.iter().any(|verb| lower.contains(verb)) {
        return None;
    }
    let is_certain = in_brackets || opens(line) && (line.contains('@') || has_date(line));
    Some(if is_certain {
        Certainty::Certain
    } else {
        Certainty::IfQuoteFollows
    })
}

/// Whether a line begins as the one before a quote does.
fn opens(line: &str) -> bool {
    let line = line.trim_start_matches(|c: char| c.is_whitespace() || c == '*' || c == '_');
    let start: String = line.chars().take(12).flat_map(char::to_lowercase).collect();
    OPENERS.iter().any(|opener| start.starts_with(opener))
        || start.starts_with(|c: char| c.is_ascii_digit())
}

/// A year, a time, or a day and month as numbers.
fn has_date(line: &str) -> bool {
    let bytes = line.as_bytes();
    let is_year = |four: &[u8]| {
        four.iter().all(u8::is_ascii_digit) && (four.starts_with(b"19") || four.starts_with(b"20"))
    };
    bytes.windows(4).any(is_year)
        || bytes.windows(3).any(|three| {
            let [a, mark, b] = three else { return false };
            a.is_ascii_digit() && b":./".contains(mark) && b.is_ascii_digit()
        })
}

/// How many lines a signature has at most where its mark is a bare `--`.
const SIGNATURE_LINES: usize = 10;

/// `-- ` on a line of its own; without the space, only where no more than a few lines follow.
fn is_signature(lines: &[&str], at: usize) -> bool {
    match lines[at].trim_end_matches('\r') {
        "-- " => true,
        "--" => {
            let behind = lines[at + 1..].iter().map(|line| line.trim());
            let own = behind
                .filter(|line| !line.is_empty())
                .take_while(|line| !is_quoted(line) && !is_reply_marker(line));
            own.take(SIGNATURE_LINES + 1).count() <= SIGNATURE_LINES
        }
        _ => false,
    }
}

/// What lists put under every mail.
fn is_footer(line: &str) -> bool {
    const STARTS: [&str; 5] = [
        "You received this message because you are subscribed to",
        "You are receiving this because you are subscribed to",
        "To unsubscribe from this",
        "To unsubscribe, e-mail:",
        "--~--~---------~--~----~",
    ];
    STARTS.iter().any(|start| line.starts_with(start))
}

/// How telephones and mail programs sign, in lower case.
const MOBILE_FOOTERS: [&str; 21] = [
    "sent from my ",
    "sent from mail for ",
    "sent from outlook",
    "sent from yahoo",
    "sent from samsung",
    "sent from proton",
    "sent from gmail mobile",
    "sent via ",
    "sent using ",
    "sent with ",
    "get outlook for ",
    "gesendet mit ",
    "gesendet von ",
    "envoyé de mon ",
    "envoyé depuis ",
    "enviado desde mi ",
    "enviado do meu ",
    "inviato da ",
    "inviato dal mio ",
    "verzonden vanaf mijn ",
    "skickat från min ",
];

/// Whether such a line stands alone, as those lines do.
fn is_mobile_footer(lines: &[&str], at: usize) -> bool {
    const LONGEST: usize = 80;
    let line = lines[at].trim();
    if line.len() > LONGEST {
        return false;
    }
    let line = line.to_lowercase();
    let is_blank = |line: Option<&&str>| line.is_none_or(|line| line.trim().is_empty());
    (MOBILE_FOOTERS.iter().any(|start| line.starts_with(start))
        || line.starts_with("von meinem ") && line.ends_with(" gesendet"))
        && (at == 0 || is_blank(lines.get(at - 1)))
        && is_blank(lines.get(at + 1))
}

#[cfg(test)]
mod tests;
