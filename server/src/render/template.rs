//! The templates of `views/`, held in the binary. Strict: a name that the context lacks is an error, not a blank.

use super::context::{Context, Page};
use handlebars::Handlebars;
use std::sync::LazyLock;

macro_rules! templates {
    ($($name:literal),* $(,)?) => {
        /// Every template by name.
        const TEMPLATES: &[(&str, &str)] = &[$(($name, include_str!(concat!("../../../views/", $name, ".hbs")))),*];
    };
}

templates! {
    "layout",
    "partials/act",
    "partials/bubble",
    "partials/build_row",
    "partials/form",
    "partials/look",
    "partials/moment",
    "partials/problems",
    "partials/said",
    "partials/tests",
    "pages/about",
    "pages/audit",
    "pages/account",
    "pages/build",
    "pages/builder",
    "pages/can",
    "pages/error",
    "pages/front",
    "pages/log",
    "pages/login",
    "pages/logout",
    "pages/plugins",
    "pages/step",
    "pages/team",
    "pages/token_made",
    "pages/waterfall",
}

static REGISTRY: LazyLock<Handlebars<'static>> = LazyLock::new(|| {
    let mut registry = Handlebars::new();
    registry.set_strict_mode(true);
    for (name, text) in TEMPLATES {
        registry.register_template_string(name, text).expect("a test reads every template");
    }
    registry
});

/// Fills the template of `page`'s context.
///
/// # Errors
/// Where the template asks for what the context lacks; a test renders each with its sample, so this is a site's override gone wrong.
pub fn render<C: Context>(page: &Page<C>) -> Result<String, handlebars::RenderError> {
    REGISTRY.render(C::TEMPLATE, page)
}

#[cfg(test)]
mod tests {
    use super::{REGISTRY, TEMPLATES};

    #[test]
    fn every_template_can_be_read() {
        assert_eq!(REGISTRY.get_templates().len(), TEMPLATES.len());
    }
}
