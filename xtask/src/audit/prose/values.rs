//! Lists of values in prose.

use super::{is, is_name, phrases::Mark, token::Token};
use crate::audit::page::Type;

/// The values that a description lists.
pub(super) fn values(tokens: &[Token], ty: Option<&Type>) -> Vec<String> {
    let numbers = match ty {
        Some(Type::Integer) => true,
        None | Some(Type::Text | Type::Unknown(_)) => false,
        Some(Type::List(item)) if matches!(**item, Type::Text) => false,
        Some(_) => return Vec::new(),
    };
    let fits = |values: &Vec<String>| {
        !values.is_empty() && values.iter().all(|value| !numbers || value.parse::<i64>().is_ok())
    };
    for (index, token) in tokens.iter().enumerate() {
        let least = match token {
            Token::Mark(Mark::Values) => 1,
            // A range is read elsewhere.
            Token::Mark(Mark::ValueRange)
                if !tokens[index + 1..]
                    .iter()
                    .find(|token| !is(token, Mark::Colon) && !is(token, Mark::Is))
                    .is_some_and(|token| matches!(token, Token::Range(..))) =>
            {
                1
            }
            Token::Mark(Mark::Supports) => 2,
            Token::Mark(Mark::OnlySupports) if is_nothing_else(&tokens[index + 1..]) => 1,
            _ => continue,
        };
        let found = listed(&tokens[index + 1..]);
        if fits(&found) && found.len() >= least {
            return found;
        }
    }
    let found = bulleted(tokens, Mark::Bullet, true);
    if fits(&found) && found.len() > 1 {
        return found;
    }
    for sentence in tokens.split(|token| is(token, Mark::Stop)) {
        let found = explained(sentence);
        if fits(&found) && found.len() > 1 {
            return found;
        }
        let found = sole(sentence);
        if fits(&found) {
            return found;
        }
    }
    Vec::new()
}

/// True where only values follow in the sentence, unlike in "only supports Linux machines".
fn is_nothing_else(tokens: &[Token]) -> bool {
    let mut rest = tokens.iter().take_while(|token| !is(token, Mark::Stop));
    rest.all(|token| {
        let joins = matches!(token, Token::Mark(Mark::Colon | Mark::Comma | Mark::And | Mark::Is));
        joins || is_name(token) || matches!(token, Token::Number(_))
    })
}

/// `Only A is supported`, `only A and B are supported`.
fn sole(sentence: &[Token]) -> Vec<String> {
    let Some(only) = sentence.iter().rposition(|token| is(token, Mark::Only)) else {
        return Vec::new();
    };
    match &sentence[only + 1..] {
        [values @ .., Token::Mark(Mark::Is), Token::Mark(Mark::Supported)]
            if is_nothing_else(values) =>
        {
            let values = values.iter().filter_map(|token| match token {
                Token::Word(word, _) => Some(word.clone()),
                Token::Number(number) => Some(number.to_string()),
                _ => None,
            });
            values.collect()
        }
        _ => Vec::new(),
    }
}

/// The values behind `Valid values`.
fn listed(tokens: &[Token]) -> Vec<String> {
    let skipped = tokens.iter().take_while(|token| {
        matches!(token, Token::Mark(Mark::Is | Mark::Colon | Mark::Filler | Mark::Stop))
    });
    let tokens = &tokens[skipped.count()..];
    match tokens.first() {
        Some(Token::List(values)) => values.clone(),
        Some(Token::Range(low, high)) => vec![low.to_string(), high.to_string()],
        Some(Token::Mark(bullet @ (Mark::Bullet | Mark::Dash))) => bulleted(tokens, *bullet, false),
        _ => inline(tokens),
    }
}

/// The words that list items begin with, as far as they look like values.
fn bulleted(tokens: &[Token], bullet: Mark, needs_colon: bool) -> Vec<String> {
    let mut values = Vec::new();
    let mut items = tokens.split(|token| is(token, bullet));
    items.next();
    for item in items {
        let value = match item.first() {
            Some(Token::Word(word, _)) => word.clone(),
            Some(Token::Number(number)) => number.to_string(),
            _ => break,
        };
        let fits = match item.get(1) {
            Some(Token::Mark(Mark::Colon)) => true,
            None | Some(Token::Mark(Mark::Stop | Mark::Open | Mark::Dash | Mark::Comma)) => {
                !needs_colon
            }
            Some(Token::Mark(Mark::Semicolon | Mark::Chinese | Mark::Means)) => !needs_colon,
            _ => false,
        };
        // `- agent-status - String - required: no` describes a filter and no value.
        if !fits {
            break;
        }
        values.push(value);
    }
    values
}

/// `A, B and C`, `A: meaning; B: meaning`, `A (meaning), B (meaning)`.
fn inline(tokens: &[Token]) -> Vec<String> {
    let end = tokens
        .iter()
        .position(|token| is(token, Mark::Stop) || is(token, Mark::Default))
        .unwrap_or(tokens.len());
    let tokens = &tokens[..end];
    if matches!(tokens.get(1), Some(Token::Mark(Mark::Colon))) {
        let pairs = tokens.windows(2).filter(|pair| is(&pair[1], Mark::Colon));
        let names = pairs.filter_map(|pair| match &pair[0] {
            Token::Word(word, _) => Some(word.clone()),
            Token::Number(number) => Some(number.to_string()),
            _ => None,
        });
        return names.collect();
    }
    let is_separator =
        |token: &Token| matches!(token, Token::Mark(Mark::Comma | Mark::Semicolon | Mark::And));
    let mut values = Vec::new();
    let mut certain = false;
    for piece in tokens.split(is_separator) {
        let value = match piece.first() {
            Some(Token::Word(word, code)) => {
                certain |= *code || word.chars().any(|c| c.is_ascii_uppercase());
                word.clone()
            }
            Some(Token::Number(number)) => number.to_string(),
            None => continue,
            _ => return Vec::new(),
        };
        match piece.get(1) {
            None | Some(Token::Mark(Mark::Chinese | Mark::Open | Mark::Means | Mark::Dash)) => {
                values.push(value);
            }
            _ => return Vec::new(),
        }
    }
    if certain || values.len() > 1 { values } else { Vec::new() }
}

/// `A means …, B means …`, and `A and B are supported`.
fn explained(sentence: &[Token]) -> Vec<String> {
    let pairs = sentence.windows(2).filter(|pair| is(&pair[1], Mark::Means) && is_name(&pair[0]));
    let names: Vec<String> = pairs
        .filter_map(|pair| match &pair[0] {
            Token::Word(word, _) => Some(word.clone()),
            _ => None,
        })
        .collect();
    if names.len() > 1 {
        return names;
    }
    match sentence {
        [values @ .., Token::Mark(Mark::Is), Token::Mark(Mark::Supported)]
            if values
                .iter()
                .all(|token| is_name(token) || is(token, Mark::And) || is(token, Mark::Comma)) =>
        {
            inline(values)
        }
        _ => Vec::new(),
    }
}
