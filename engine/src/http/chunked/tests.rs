//! The chunked coding (RFC 9112, 7.1): what it means, what is refused, and that the size of the
//! pieces it arrives in makes no difference.

use super::*;
use proptest::prelude::*;
use std::{borrow::ToOwned, format, string::String, vec};

/// All of a content, or why not: content, trailers, bytes consumed, and whether it is complete.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Whole {
    content: Vec<u8>,
    trailers: Vec<u8>,
    consumed: usize,
    done: bool,
}

/// Decodes `input` as it comes in pieces of at most `piece` bytes.
fn decode(input: &[u8], piece: usize) -> Result<Whole, ChunkFault> {
    let mut decoder = Decoder::new();
    let (mut content, mut consumed, mut arrived, mut done) = (Vec::new(), 0, 0, false);
    loop {
        let step = decoder.step(&input[consumed..arrived])?;
        assert!(step.consumed <= arrived - consumed);
        assert!(step.content.end <= step.consumed);
        content.extend_from_slice(&input[consumed..arrived][step.content.clone()]);
        consumed += step.consumed;
        done |= step.done;
        if done || (step.consumed == 0 && arrived == input.len()) {
            break;
        }
        if step.consumed == 0 {
            arrived = input.len().min(arrived + piece);
        }
    }
    // Done stays done, and takes nothing more.
    if done {
        assert_eq!(
            decoder.step(b"5\r\n").unwrap(),
            Step {
                consumed: 0,
                content: 0..0,
                done
            }
        );
    }
    Ok(Whole {
        content,
        trailers: decoder.trailers().to_vec(),
        consumed,
        done,
    })
}

#[test]
fn contents() {
    let cases: &[(&str, &str, &str)] = &[
        ("0\r\n\r\n", "", ""),
        ("000\r\n\r\n", "", ""),
        ("5\r\nhello\r\n0\r\n\r\n", "hello", ""),
        ("00000005\r\nhello\r\n0\r\n\r\n", "hello", ""),
        ("0000000000000005\r\nhello\r\n0\r\n\r\n", "hello", ""),
        ("1\r\na\r\n2\r\nbc\r\n0\r\n\r\n", "abc", ""),
        ("A\r\n0123456789\r\n0\r\n\r\n", "0123456789", ""),
        (
            "a\r\n0\r\n\r\n\r\n0\r\n\r\n0\r\n\r\n",
            "0\r\n\r\n\r\n0\r\n",
            "",
        ),
        // 7.1.1: extensions are ignored
        ("5;a\r\nhello\r\n0;b=c\r\n\r\n", "hello", ""),
        ("5;\r\nhello\r\n0\r\n\r\n", "hello", ""),
        ("5;a=\"b;\t c\" \r\nhello\r\n0\r\n\r\n", "hello", ""),
        ("5;\u{e4}\r\nhello\r\n0\r\n\r\n", "hello", ""),
        // 7.1.2: trailers
        ("0\r\nX-A: 1\r\n\r\n", "", "X-A: 1\r\n"),
        (
            "1\r\na\r\n0\r\nX-A: 1\r\nx-b:\r\nX-A:\t2 \r\n\r\n",
            "a",
            "X-A: 1\r\nx-b:\r\nX-A:\t2 \r\n",
        ),
        // RFC 9110, 6.5.1: what has no place in trailers is left out
        (
            "0\r\nSet-Cookie: a\r\nX-A: 1\r\nauthorization: b\r\n\r\n",
            "",
            "X-A: 1\r\n",
        ),
        (
            "0\r\nX-A: 1\r\nX-Forwarded-For: a\r\n\r\n",
            "",
            "X-A: 1\r\n",
        ),
        ("0\r\nCache-Control: a\r\n\r\n", "", ""),
        (
            "0\r\nSurrogate-Control: a\r\nCDN-Cache-Control: b\r\n\r\n",
            "",
            "",
        ),
    ];
    for (input, content, trailers) in cases {
        let want = Whole {
            content: content.as_bytes().to_vec(),
            trailers: trailers.as_bytes().to_vec(),
            consumed: input.len(),
            done: true,
        };
        // What follows is the next message's.
        let with_more = format!("{input}GET / HTTP/1.1\r\n");
        for piece in [1, 2, 3, 7, 1000] {
            assert_eq!(
                decode(input.as_bytes(), piece),
                Ok(want.clone()),
                "{input:?}"
            );
            assert_eq!(
                decode(with_more.as_bytes(), piece),
                Ok(want.clone()),
                "{input:?}"
            );
        }
    }
}

#[test]
fn contents_that_are_refused() {
    use ChunkFault::{Extension, LineEnd, Size, Trailer};
    let cases: &[(ChunkFault, &[&str])] = &[
        (
            Size,
            &[
                "\r\n",
                "\n",
                "g\r\n",
                "x5\r\n",
                "0x5\r\nhello\r\n",
                "5h\r\nhello\r\n",
                "+5\r\nhello\r\n",
                "-5\r\nhello\r\n",
                " 5\r\nhello\r\n",
                "\t5\r\nhello\r\n",
                "5 \r\nhello\r\n",
                "5\t\r\nhello\r\n",
                "5 ;a\r\nhello\r\n",
                "5\0\r\nhello\r\n",
                "5,5\r\nhello\r\n",
                "5.0\r\nhello\r\n",
                "5_0\r\nhello\r\n",
                "\"5\"\r\nhello\r\n",
                "\u{ff15}\r\nhello\r\n",
                ";a\r\nhello\r\n",
                "5\nhello\r\n",
                "5\r\nhello\r\n\r\n0\r\n\r\n",
                "\r\n5\r\nhello\r\n",
                // Too large for a sum to be certain.
                "8000000000000000\r\n",
                "ffffffffffffffff\r\n",
                "10000000000000000\r\n",
                "10000000000000005\r\nhello\r\n",
                "00000000000000005\r\nhello\r\n",
                "fffffffffffffffffffffffffffffff5\r\n",
            ],
        ),
        (
            Extension,
            &[
                "5;a\nhello",
                "5;\nhello",
                "5;a\0\r\nhello",
                "5;a\x7f\r\n",
                "5;a\x0b\r\n",
                "0;a\n\r\n",
            ],
        ),
        (
            LineEnd,
            &[
                "5\rhello\r\n",
                "5\r\rhello\r\n",
                "5;a\rb\r\nhello\r\n",
                "5;a\r\r\nhello\r\n",
                "5\r\nhello\n0\r\n\r\n",
                "5\r\nhello0\r\n\r\n",
                "5\r\nhello\r0\r\n\r\n",
                "5\r\nhello\r\r\n0\r\n\r\n",
                "5\r\nhelloworld\r\n0\r\n\r\n",
                "4\r\nhello\r\n0\r\n\r\n",
                "6\r\nhello\r\n0\r\n\r\n",
                "0\r\n\n",
                "0\r\nA: b\n\r\n",
                "0\r\nA: b\r\n\n",
                "0\r\nhello\n",
            ],
        ),
        (
            Trailer,
            &[
                "0\r\nA\r\n\r\n",
                "0\r\n: a\r\n\r\n",
                "0\r\nA : b\r\n\r\n",
                "0\r\nA\t: b\r\n\r\n",
                "0\r\n A: b\r\n\r\n",
                "0\r\nA: b\r\n c\r\n\r\n",
                "0\r\nA: b\0\r\n\r\n",
                "0\r\nA: b\rc\r\n\r\n",
                "0\r\nA: b\r\r\n\r\n",
                "0\r\n\r\r\n",
                "0\r\nA\u{e4}: b\r\n\r\n",
                "0\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
                // RFC 9110, 6.5.1: framing and routing
                "0\r\nContent-Length: 5\r\n\r\n",
                "0\r\nTRANSFER-ENCODING: chunked\r\n\r\n",
                "0\r\nX: a\r\nHost: b\r\n\r\n",
                "0\r\nConnection: close\r\n\r\n",
                "0\r\nTrailer: a\r\n\r\n",
            ],
        ),
    ];
    for (fault, inputs) in cases {
        for input in *inputs {
            for piece in [1, 2, 1000] {
                let got = decode(input.as_bytes(), piece);
                assert_eq!(got, Err(*fault), "{input:?} in pieces of {piece}");
            }
        }
    }
}

#[test]
fn half_a_content_is_never_done() {
    let input = b"5;a=b\r\nhello\r\n3\r\nabc\r\n0\r\nX-A: 1\r\n\r\n";
    for cut in 0..input.len() {
        let whole = decode(&input[..cut], 1000).unwrap();
        assert!(!whole.done, "{cut}");
        assert_eq!(whole.consumed, cut);
    }
}

#[test]
fn bounds() {
    // A size line: digits and extensions, without its CRLF.
    let line = |bytes: usize| format!("1;{}\r\na\r\n", "x".repeat(bytes - 2));
    let many = line(CHUNK_LINE_BYTES_MAX).repeat(50) + "0\r\n\r\n";
    assert_eq!(
        decode(many.as_bytes(), 9).map(|whole| whole.content.len()),
        Ok(50)
    );
    let long = line(CHUNK_LINE_BYTES_MAX + 1);
    assert_eq!(decode(long.as_bytes(), 9), Err(ChunkFault::TooLong));
    let endless = "1;".to_owned() + &"x".repeat(10_000);
    assert_eq!(decode(endless.as_bytes(), 9), Err(ChunkFault::TooLong));
    // Trailers, all lines with the last empty one; what is left out counts as well.
    for name in ["X-A", "Set-Cookie"] {
        let trailers = |bytes: usize| {
            let value = "x".repeat(bytes - name.len() - 6);
            format!("0\r\n{name}: {value}\r\n\r\n")
        };
        assert!(
            decode(trailers(TRAILER_BYTES_MAX).as_bytes(), 1000)
                .unwrap()
                .done
        );
        let over = trailers(TRAILER_BYTES_MAX + 1);
        assert_eq!(
            decode(over.as_bytes(), 1000),
            Err(ChunkFault::TooLong),
            "{name}"
        );
        let endless = "0\r\n".to_owned() + &format!("{name}: a\r\n").repeat(10_000);
        assert_eq!(
            decode(endless.as_bytes(), 1000),
            Err(ChunkFault::TooLong),
            "{name}"
        );
    }
}

#[test]
fn the_largest_size_is_counted_in_full() {
    let mut decoder = Decoder::new();
    let step = decoder.step(b"7fffffffffffffff\r\nabc").unwrap();
    assert_eq!((step.content, step.consumed), (18..21, 21));
    assert_eq!(decoder.left, (u64::MAX >> 1) - 3);
}

#[test]
fn lines_of_the_encoder() {
    for (len, want) in [
        (0, "0\r\n"),
        (1, "1\r\n"),
        (0x1a2b, "1a2b\r\n"),
        (usize::MAX, "ffffffffffffffff\r\n"),
    ] {
        assert_eq!(chunk_line(len, &mut [0; 20]), want.as_bytes());
    }
    assert!(decode(LAST, 1).unwrap().done);
}

/// A content that may be right or wrong.
fn any_content() -> impl Strategy<Value = Vec<u8>> {
    let chunk = (prop::collection::vec(any::<u8>(), 0..30), 0..40_u8).prop_map(|(data, kind)| {
        let (mut text, end) = match kind {
            0 => (format!("{:X};a=\"b\"\r\n", data.len()), "\r\n"),
            1 => (format!("{:04x}\r\n", data.len()), "\r\n"),
            2 => (format!("{:x}\n", data.len()), "\r\n"),
            3 => (format!("{:x}\r\n", data.len() + 1), "\r\n"),
            4 => (format!("{:x}\r\n", data.len()), "\n"),
            _ => (format!("{:x}\r\n", data.len()), "\r\n"),
        };
        if data.is_empty() {
            text = String::from("1\r\na");
        }
        [text.as_bytes(), &data, end.as_bytes()].concat()
    });
    let last = prop::sample::select(vec![
        "0\r\n\r\n",
        "0\r\nX-A: b\r\n\r\nmore",
        "0\r\nVia: b\r\nX: c\r\n\r\n",
        "0\r\nX",
        "0\r\n:\r\n\r\n",
        "",
    ]);
    (prop::collection::vec(chunk, 0..5), last)
        .prop_map(|(chunks, last)| [&chunks.concat(), last.as_bytes()].concat())
}

proptest! {
    #[test]
    fn pieces_make_no_difference(input in any_content(), piece in 1_usize..40) {
        let whole = decode(&input, input.len() + 1);
        prop_assert_eq!(&decode(&input, 1), &whole);
        prop_assert_eq!(&decode(&input, piece), &whole);
    }

    #[test]
    fn any_bytes_are_survived(input in prop::collection::vec(any::<u8>(), 0..100), piece in 1_usize..9) {
        let whole = decode(&input, input.len() + 1);
        prop_assert_eq!(decode(&input, piece), whole);
    }

    #[test]
    fn what_is_coded_is_decoded(chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..300), 0..8)) {
        let mut coded = Vec::new();
        for chunk in &chunks {
            coded.extend_from_slice(chunk_line(chunk.len(), &mut [0; 20]));
            coded.extend_from_slice(chunk);
            coded.extend_from_slice(b"\r\n");
        }
        coded.extend_from_slice(LAST);
        let whole = decode(&coded, 64).unwrap();
        prop_assert!(whole.done && whole.consumed == coded.len());
        prop_assert_eq!(whole.content, chunks.concat());
    }
}
