//! Where events are sent.

use super::checker::Checker;

pub(super) fn check(judge: &mut Checker<'_>) {
    let Some(notify) = &judge.document.notify else { return };
    let root = *judge.root;
    let section = root.key("notify");
    if !notify.path.starts_with('/') {
        let message = format_args!("`{}` is not a path", notify.path);
        judge.error("bad-path", &section.key("path"), message, "it begins with `/`");
    }
    for (name, text) in [("cluster", &notify.cluster), ("authority", &notify.authority)] {
        if text.is_empty() {
            let message = format_args!("events go nowhere: `{name}` is empty");
            judge.error("empty", &section.key(name), message, "name it, or remove the section");
        }
    }
}
