//! The plugin's own configuration: what a proxy is told about the filter (POLICY "The blob", second half).
