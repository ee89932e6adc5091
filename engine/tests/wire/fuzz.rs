//! The fuzz targets' bodies on seeds, so that they are kept true without a fuzzer.

use proptest::prelude::*;

const SEEDS: [&str; 6] = [
    "event: e\r\ndata: {\"a\":\"\\u0041\"}\r\n\r\n: c\n\ndata\r\rdata: x",
    "[{\"a\":\"]\\\"\"}\n,\r\n{\"b\":[2]}\n]\n",
    "{\"a\":[1,-2.5e3,\"\\ud83d\\ude00\",true,null],\"b\":{\"\":\"\\\\\"}}",
    "{\"city\":\"S\\u00e3o Paulo\",\"n\":4111111111111111}{\"x\": oops}",
    "\u{feff}data: \u{2028}\n\n",
    "",
];

#[test]
fn seeds() {
    for seed in SEEDS {
        crate::bodies::json(seed.as_bytes());
        for first in 0..=255 {
            let with = |prefix: &[u8]| [prefix, seed.as_bytes()].concat();
            crate::bodies::inner(&with(&[first]));
            crate::bodies::messages(&with(&[first, 5]));
            if first % 32 == 0 {
                crate::bodies::grants(&with(&[first, 0, first]));
            }
            for chunk in [0, 1, 2, 3, 7, 20] {
                crate::bodies::frames(&with(&[first, chunk]));
            }
        }
    }
}

proptest! {
    #[test]
    fn any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        crate::bodies::frames(&bytes);
        crate::bodies::json(&bytes);
        crate::bodies::inner(&bytes);
        crate::bodies::messages(&bytes);
        crate::bodies::grants(&bytes);
    }
}
