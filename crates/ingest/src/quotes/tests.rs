use super::*;

fn words(body: &str) -> String {
    own_words(body, false).text(body)
}

/// What is left, and whether a forward was taken out.
fn forwarded(body: &str) -> (String, bool) {
    let own = own_words(body, false);
    (own.text(body), own.has_forward())
}

/// What was taken out, and why.
fn removed(body: &str) -> Vec<(&str, String)> {
    let own = own_words(body, false);
    own.removed
        .iter()
        .map(|removed| (&body[removed.span.clone()], removed.reason.to_string()))
        .collect()
}

#[test]
fn marked_lines_are_left_out_and_answers_between_them_stay() {
    let body = "Hello Ben,\n\nOn Mon, 5 Jan 2004, Ben <ben@example.org> wrote:\n> Shall we sail?\n>\n\
                Gladly.\n> On Sunday?\n\nOn Saturday rather.\nAna\n";
    assert_eq!(
        words(body),
        "Hello Ben,\n\nGladly.\n\nOn Saturday rather.\nAna"
    );
    assert_eq!(words("BK> Shall we?\nYes.\n> > old\n"), "Yes.");
}

#[test]
fn what_programs_print_before_a_command_is_no_quote() {
    let body = "Try this:\nR> x <- 1\nSQL> select 1;\nJS> I did.\nGood?";
    assert_eq!(words(body), "Try this:\nR> x <- 1\nSQL> select 1;\n\nGood?");
}

#[test]
fn an_attribution_is_known_in_many_languages() {
    for attribution in [
        "On Mon, Jan 5, 2004 at 10:30 AM, Ben Example <ben@example.org> wrote:",
        "On 5 January 2004, Ben wrote:",
        "At 10:30 05/01/2004, Ben wrote:",
        "In article <x@example.org>, ben@example.org writes:",
        "Ben Example <ben@example.org> wrote:",
        "Am 05.01.2004 um 10:30 schrieb Ben Example:",
        "Am Mo., 5. Jan. 2004 um 10:30 Uhr schrieb Ben <ben@example.org>:",
        "Le lun. 5 janv. 2004 à 10:30, Ben <ben@example.org> a écrit :",
        "El lun, 5 ene 2004 a las 10:30, Ben (<ben@example.org>) escribió:",
        "Il giorno lun 5 gen 2004 alle ore 10:30 Ben <ben@example.org> ha scritto:",
        "Em seg., 5 de jan. de 2004 às 10:30, Ben <ben@example.org> escreveu:",
        "Op ma 5 jan. 2004 om 10:30 schreef Ben <ben@example.org>:",
        "Den mån 5 jan. 2004 kl 10:30 skrev Ben <ben@example.org>:",
        "W dniu 5.01.2004 o 10:30, Ben pisze:",
        "пн, 5 янв. 2004 г. в 10:30, Ben <ben@example.org>:",
        "Ben <ben@example.org> пишет:",
        "5 янв. 2004 г., в 10:30, Ben <ben@example.org> написал(а):",
        "05.01.2004 10:30, Ben пишет:",
        "2004年1月5日(月) 10:30 Ben <ben@example.org>:",
        "2004/01/05 10:30、Ben <ben@example.org>のメール:",
        "Ben <ben@example.org> 于2004年1月5日周一 10:30写道：",
        "在 2004年1月5日，10:30，Ben <ben@example.org> 写道：",
        "Ben <ben@example.org>, 5 Oca 2004 Pzt, 10:30 tarihinde şunu yazdı:",
        "pon., 5 sty 2004 o 10:30 Ben <ben@example.org> napisał(a):",
        "Op 5 jan. 2004, om 10:30 heeft Ben <ben@example.org> het volgende geschreven:",
        "Le 05/01/2004 à 10:30, Ben a écrit :",
        "El 05/01/2004 a las 10:30, Ben escribió:",
        "Il 05/01/2004 10:30, Ben ha scritto:",
        "Em 05/01/2004 10:30, Ben escreveu:",
        "2004년 1월 5일 (월) 오전 10:30, Ben <ben@example.org>님이 작성:",
        "2004年1月5日 10:30，Ben <ben@example.org> 写道：",
    ] {
        let last = attribution.lines().last().unwrap();
        // Before marked lines, and before a quote that is not marked at all.
        assert_eq!(
            words(&format!("Yes.\n\n{last}\n> Shall we?\n")),
            "Yes.",
            "{last}"
        );
        assert_eq!(
            words(&format!("Yes.\n\n{last}\n\nShall we?\n")),
            "Yes.",
            "{last}"
        );
        assert_eq!(
            words(&format!("Yes.\n{last}\n> Shall we?\nGood.")),
            "Yes.\n\nGood.",
            "{last}"
        );
    }
}

#[test]
fn an_attribution_may_go_over_several_lines() {
    let body = "Yes.\nOn Mon, Jan 5, 2004 at 10:30 AM, Ben Example\n<ben@example.org>\nwrote:\n\n> Shall we?\n";
    assert_eq!(words(body), "Yes.");
    let body = "On Friday we sail\nOn Mon, Jan 5, 2004, Ben Example\n<ben@example.org> wrote:\n> Shall we?\n";
    assert_eq!(words(body), "On Friday we sail");
    let body = "Yes.\n\nBen Example <ben@example.org>\nwrote:\n> Shall we?\n";
    assert_eq!(words(body), "Yes.");
    let body = "Yes.\n\n2004/1/5 Ben <ben@example.org>\n\n> Shall we?\n";
    assert_eq!(words(body), "Yes.");
}

#[test]
fn a_sentence_that_ends_in_wrote_stays() {
    let body = "My mother wrote:\nthe boat is blue.\n\nSo it is.";
    assert_eq!(words(body), body);
    let body = "On the last page he wrote:\n\nthe boat is blue.";
    assert_eq!(words(body), body);
    assert_eq!(words("Ben wrote:\n> Shall we?\nYes."), "Yes.");
}

#[test]
fn the_head_of_a_quoted_mail_ends_the_authors_words() {
    for head in [
        "-----Original Message-----\nFrom: Ben\nSent: Monday\nTo: Ana\nSubject: Boat\n\nShall we?",
        "From: Ben Example\nSent: Monday, January 5, 2004\nTo: Ana\nSubject: Boat\n\nShall we?",
        "*From:* Ben\n*Date:* Monday\n*Subject:* Boat\n\nShall we?",
        "________________________________\nFrom: Ben\nSent: Monday\nTo: Ana\nSubject: Boat\n\nShall we?",
        "________________________________\n\n From: Ben\n Sent: Monday\n To: Ana\n\nShall we?",
        "Von: Ben\nGesendet: Montag, 5. Januar 2004\nAn: Ana\nBetreff: Boot\n\nWollen wir?",
        "De : Ben\nEnvoyé : lundi 5 janvier 2004\nÀ : Ana\nObjet : Bateau\n\nOn y va ?",
        "----- Ursprüngliche Nachricht -----\nVon: Ben\n\nWollen wir?",
        "-------- Message d'origine --------\nDe : Ben\n\nOn y va ?",
        "De: Ben\nEnviado el: lunes, 5 de enero de 2004\nPara: Ana\nAsunto: Barco\n\n¿Vamos?",
        "De: Ben\nEnviada em: segunda-feira\nPara: Ana\nAssunto: Barco\n\nVamos?",
        "Da: Ben\nInviato: lunedì 5 gennaio 2004\nA: Ana\nOggetto: Barca\n\nAndiamo?",
        "Van: Ben\nVerzonden: maandag\nAan: Ana\nOnderwerp: Boot\n\nZullen we?",
        "Od: Ben\nWysłano: poniedziałek\nDo: Ana\nTemat: Łódź\n\nIdziemy?",
        "От: Ben\nОтправлено: 5 января\nКому: Ana\nТема: Лодка\n\nИдём?",
        "发件人: Ben\n发送时间: 2004年1月5日\n收件人: Ana\n主题: 船\n\n走吗？",
        "差出人: Ben\n送信日時: 2004年1月5日\n宛先: Ana\n件名: 船\n\n行く？",
        "Kimden: Ben\nGönderildi: Pazartesi\nKime: Ana\nKonu: Tekne\n\nGidelim mi?",
        "Ben Example\n-----Original Message-----\nShall we?",
    ] {
        let (text, forwards) = forwarded(&format!("Gladly.\n\n{head}\n"));
        let signed = if head.starts_with("Ben") {
            "\n\nBen Example"
        } else {
            ""
        };
        assert_eq!(text, format!("Gladly.{signed}"), "{head}");
        assert!(!forwards, "{head}");
    }
    assert_eq!(
        words("-----Original Message-----\nFrom: Ben\nSubject: Boat\n\n> Shall we?\n\nGladly."),
        "Gladly."
    );
    let timetable = "Date: 5 May\nFrom: 10:00\nTo: 12:00\n\nBring bread.";
    assert_eq!(words(timetable), timetable);
}

#[test]
fn a_forward_is_left_out_and_told() {
    for marker in [
        "---------- Forwarded message ---------",
        "---------- Forwarded message ----------",
        "-------- Forwarded Message --------",
        "----- Forwarded by Ben/Harbour on 01/05/2004 10:30 AM -----",
        "Begin forwarded message:",
        "-------- Weitergeleitete Nachricht --------",
        "Anfang der weitergeleiteten Nachricht:",
        "---------- Message transféré ----------",
        "---------- Mensaje reenviado ----------",
    ] {
        let rest = "\nFrom: Ben\nDate: Monday\nSubject: Boat\n\nShall we?\n";
        assert_eq!(
            forwarded(&format!("{marker}{rest}")),
            (String::new(), true),
            "{marker}"
        );
        assert_eq!(
            forwarded(&format!("See below.\n\n{marker}{rest}")),
            ("See below.".to_owned(), true),
            "{marker}"
        );
    }
    let prose = "-- forwarded by nobody\nI forwarded message after message:\nnone came back.";
    assert!(!forwarded("I forwarded message after message:\nnone came back.").1);
    assert!(forwarded(prose).1, "Lotus Notes writes like this");
}

#[test]
fn signatures_end_the_authors_words() {
    assert_eq!(
        words("Yes.\n\nAna\n-- \nAna Example\nHarbour 1\n"),
        "Yes.\n\nAna"
    );
    assert_eq!(words("Yes.\r\n-- \r\nAna Example\r\n"), "Yes.");
    assert_eq!(words("Yes.\n--\nAna Example\nHarbour 1\n"), "Yes.");
    let separated = format!("One.\n--\n{}", "A line.\n".repeat(SIGNATURE_LINES + 1));
    assert_eq!(words(&separated), separated.trim());
    assert_eq!(
        words("Yes.\n--\nAna\n\n> 1\n> 2\n> 3\n> 4\n> 5\n> 6\n> 7\n> 8\n> 9\n> 10\n> 11\n"),
        "Yes."
    );
}

#[test]
fn telephones_and_lists_have_no_say() {
    for footer in [
        "Sent from my iPhone",
        "Sent from my BlackBerry 10 smartphone.",
        "Von meinem iPhone gesendet",
        "Envoyé de mon iPhone",
        "Get Outlook for iOS<https://example.org/>",
    ] {
        assert_eq!(words(&format!("Yes.\n\n{footer}\n")), "Yes.", "{footer}");
        assert_eq!(
            words(&format!("Yes.\n\n{footer}\n\n> Shall we?\n")),
            "Yes.",
            "{footer}"
        );
    }
    let prose = "The card was\nsent from my village\nlast year.";
    assert_eq!(words(prose), prose);
    for footer in [
        "_______________________________________________\nBoats mailing list\nBoats@example.org",
        "--~--~---------~--~----~------------~-------~--~----~\nYou received this message",
        "You received this message because you are subscribed to the Google Groups \"boats\" group.\nx",
        "To unsubscribe from this list: send a mail",
    ] {
        assert_eq!(words(&format!("Yes.\n\n{footer}\n")), "Yes.", "{footer}");
    }
    let divided = "One.\n\n____________________\n\nTwo.";
    assert_eq!(words(divided), divided);
}

#[test]
fn nothing_left_is_nothing() {
    for body in ["", "\n \n", "> a\n> b", "-- \nAna"] {
        assert_eq!(forwarded(body), (String::new(), false));
    }
}

#[test]
fn what_was_taken_out_is_told_by_its_bytes() {
    let body = "Yes.\r\n\r\n> Shall we?\r\n\r\n> On Sunday?\r\nGladly.\r\n-- \r\nAna Böhm\r\n\r\nOn 5 Jan 2004, Ben wrote:\r\n> x\r\nNo.\r\n\r\nSent from my iPhone\r\n";
    assert_eq!(words(body), "Yes.\n\nGladly.\n\nNo.");
    assert_eq!(
        removed(body),
        [
            ("> Shall we?\r\n\r\n> On Sunday?\r\n", "quote".to_owned()),
            ("-- \r\nAna Böhm\r\n\r\n", "signature".to_owned()),
            ("On 5 Jan 2004, Ben wrote:\r\n> x\r\n", "quote".to_owned()),
            ("Sent from my iPhone\r\n", "footer".to_owned()),
        ]
    );
}

#[test]
fn patches_and_code_are_left_out_unless_asked_for() {
    let patch = "---\n src/lib.rs | 2 +-\n 1 file changed, 1 insertion(+), 1 deletion(-)\n\ndiff --git a/src/lib.rs b/src/lib.rs\nindex 1..2 100644\n--- a/src/lib.rs\n+++ b/src/lib.rs\n@@ -1,3 +1,3 @@ fn x\n a\n-b\n+c\n\n";
    let body =
        format!("This mends it.\n\n{patch}It was wrong before.\n\n```\nlet x = 1;\n```\nBye.\n");
    assert_eq!(
        words(&body),
        "This mends it.\n\nIt was wrong before.\n\nBye."
    );
    assert_eq!(
        removed(&body),
        [
            (patch, "patch".to_owned()),
            ("```\nlet x = 1;\n```\n", "code".to_owned())
        ]
    );
    let kept = own_words(&body, true);
    assert!(kept.removed.is_empty());
    for prose in [
        "One.\n---\nTwo | 3",
        "--- no\nmore",
        "``` never closed\nx",
        "Index: see page 3\nand on",
    ] {
        assert_eq!(words(prose), prose);
    }
}
