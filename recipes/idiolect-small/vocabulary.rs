//! A Unigram vocabulary of 8,192 pieces that loses nothing: spaces, line breaks and unknown
//! characters all come back as they were.

use std::path::Path;

use anyhow::{Result, anyhow};
use tokenizers::{
    AddedToken, DecoderWrapper, ModelWrapper, NormalizerWrapper, PostProcessorWrapper,
    PreTokenizerWrapper, Tokenizer, TokenizerImpl,
    decoders::{byte_fallback::ByteFallback, fuse::Fuse, sequence::Sequence as Decoders},
    models::unigram::{Unigram, UnigramTrainer},
    pre_tokenizers::{
        digits::Digits,
        metaspace::{Metaspace, PrependScheme},
        sequence::Sequence as PreTokenizers,
        split::{Split, SplitPattern},
    },
    tokenizer::normalizer::SplitDelimiterBehavior,
};

use crate::corpus;

pub(crate) const SIZE: usize = 8_192;
const SPECIAL: [&str; 3] = ["<pad>", "</s>", "<unk>"];
/// Characters of text that the vocabulary is made from, by pack.
const SAMPLE: [(&str, usize); 2] = [("general_clean", 9_000_000), ("general_novels", 5_000_000)];
const SAMPLE_AUTHORED: usize = 7_000_000;

type Plain = TokenizerImpl<
    Unigram,
    NormalizerWrapper,
    PreTokenizerWrapper,
    PostProcessorWrapper,
    DecoderWrapper,
>;

/// Trains the vocabulary and writes `tokenizer.json`.
pub(crate) fn make(data: &Path, file: &Path) -> Result<()> {
    let mut lines = Vec::new();
    for (pack, characters) in SAMPLE {
        let documents = corpus::general(data, pack)?;
        let step = documents.iter().map(String::len).sum::<usize>() / characters;
        take_every(
            documents.iter().map(String::as_str),
            step.max(1),
            &mut lines,
        );
    }
    let authors = corpus::authors(data)?;
    let own = || {
        authors
            .iter()
            .filter(|author| !author.validation)
            .flat_map(|author| &author.documents)
            .map(|document| document.text.as_str())
    };
    let step = own().map(str::len).sum::<usize>() / SAMPLE_AUTHORED;
    take_every(own(), step.max(1), &mut lines);

    let mut trainer = UnigramTrainer::builder()
        .show_progress(false)
        .vocab_size((SIZE - SPECIAL.len() - 256) as u32)
        .special_tokens(Vec::new())
        .unk_token(None)
        .max_piece_length(16)
        .build()?;
    let mut plain: Plain = TokenizerImpl::new(Unigram::default());
    plain.with_pre_tokenizer(Some(pre_tokenizer()?));
    plain
        .train(&mut trainer, lines.into_iter())
        .map_err(|error| anyhow!(error))?;

    // Special tokens and the 256 bytes come first; bytes stand for characters without a piece.
    let learned: Vec<(String, f64)> = plain
        .get_model()
        .iter()
        .map(|(piece, score)| (piece.clone(), *score))
        .filter(|(piece, _)| !SPECIAL.contains(&piece.as_str()))
        .collect();
    let least = learned.iter().map(|(_, score)| *score).fold(0.0, f64::min);
    let mut pieces: Vec<(String, f64)> = SPECIAL
        .iter()
        .map(|token| ((*token).to_owned(), 0.0))
        .collect();
    pieces.extend((0..=255_u8).map(|byte| (format!("<0x{byte:02X}>"), least - 10.0)));
    pieces.extend(learned);
    pieces.truncate(SIZE);
    println!("{} pieces", pieces.len());
    let model = Unigram::from(pieces, Some(2), true).map_err(|error| anyhow!(error))?;

    let mut made = Tokenizer::new(ModelWrapper::Unigram(model));
    made.with_pre_tokenizer(Some(pre_tokenizer()?));
    made.with_decoder(Some(DecoderWrapper::Sequence(Decoders::new(vec![
        DecoderWrapper::ByteFallback(ByteFallback::new()),
        DecoderWrapper::Metaspace(metaspace()),
        DecoderWrapper::Fuse(Fuse::new()),
    ]))));
    let special = SPECIAL.map(|token| AddedToken::from(token.to_owned(), true));
    made.add_special_tokens(special)
        .map_err(|error| anyhow!(error))?;
    made.save(file, false).map_err(|error| anyhow!(error))
}

/// Words keep the space before them; line breaks and digits stand alone.
fn pre_tokenizer() -> Result<PreTokenizerWrapper> {
    let breaks = Split::new(
        SplitPattern::String("\n".to_owned()),
        SplitDelimiterBehavior::Isolated,
        false,
    )
    .map_err(|error| anyhow!(error))?;
    Ok(PreTokenizerWrapper::Sequence(PreTokenizers::new(vec![
        PreTokenizerWrapper::Split(breaks),
        PreTokenizerWrapper::Digits(Digits::new(true)),
        PreTokenizerWrapper::Metaspace(metaspace()),
    ])))
}

fn metaspace() -> Metaspace {
    Metaspace::new('▁', PrependScheme::Never, true)
}

/// Every `step`-th paragraph, with the break behind it.
fn take_every<'a>(documents: impl Iterator<Item = &'a str>, step: usize, lines: &mut Vec<String>) {
    let paragraphs = documents.flat_map(|document| document.split_inclusive('\n'));
    lines.extend(
        paragraphs
            .filter(|line| line.len() > 1)
            .step_by(step)
            .map(str::to_owned),
    );
}
