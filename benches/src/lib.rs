//! What the benches share: the corpus and the baselines.
