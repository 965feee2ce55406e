//! The table of keys and tokens that are known by how they begin. The shapes are those that their issuers document or that secret scanners
//! agree on; a prefix without a separator in it needs an exact length.

use crate::class::Class;

/// A key that is known by its prefix.
pub struct Shape {
    /// How it begins.
    pub prefix: &'static str,
    /// Whose it is.
    pub kind: &'static str,
    /// What follows the prefix.
    pub body: Class,
    /// Fewest and most bytes that follow it.
    pub length: (usize, usize),
}

const fn shape(
    prefix: &'static str,
    kind: &'static str,
    body: Class,
    length: (usize, usize),
) -> Shape {
    Shape {
        prefix,
        kind,
        body,
        length,
    }
}

/// All shapes; where one prefix begins with another, the longer stands first.
pub const SHAPES: &[Shape] = &[
    shape("1//0", "Google token", Class::WORD, (38, 200)),
    shape("ABIA", "AWS access key", Class::UPPER, (16, 16)),
    shape("ACCA", "AWS access key", Class::UPPER, (16, 16)),
    shape("AGE-SECRET-KEY-1", "age key", Class::UPPER, (58, 58)),
    shape("AIza", "Google key", Class::WORD, (35, 35)),
    shape("AKIA", "AWS access key", Class::UPPER, (16, 16)),
    shape("ASIA", "AWS access key", Class::UPPER, (16, 16)),
    shape("ATATT3", "Atlassian token", Class::BASE64_URL, (100, 400)),
    shape("ATCTT3", "Atlassian token", Class::BASE64_URL, (100, 400)),
    shape("GOCSPX-", "Google secret", Class::WORD, (28, 28)),
    shape("NRAK-", "New Relic key", Class::UPPER, (27, 27)),
    shape("PMAK-", "Postman key", Class::WORD, (59, 59)),
    shape("SG.", "SendGrid key", Class::DOTTED, (60, 72)),
    shape("SK", "Twilio key", Class::HEX, (32, 32)),
    shape("api_org_", "Hugging Face token", Class::ALNUM, (34, 34)),
    shape("dapi", "Databricks token", Class::HEX, (32, 32)),
    shape("dckr_oat_", "Docker token", Class::WORD, (27, 60)),
    shape("dckr_pat_", "Docker token", Class::WORD, (27, 60)),
    shape("doo_v1_", "DigitalOcean token", Class::HEX, (64, 64)),
    shape("dop_v1_", "DigitalOcean token", Class::HEX, (64, 64)),
    shape("dor_v1_", "DigitalOcean token", Class::HEX, (64, 64)),
    shape("dp.ct.", "Doppler token", Class::ALNUM, (40, 44)),
    shape("dp.pt.", "Doppler token", Class::ALNUM, (40, 44)),
    shape("dp.st.", "Doppler token", Class::DOTTED, (40, 90)),
    shape("gho_", "GitHub token", Class::ALNUM, (36, 255)),
    shape("ghp_", "GitHub token", Class::ALNUM, (36, 255)),
    shape("ghr_", "GitHub token", Class::ALNUM, (36, 255)),
    shape("ghs_", "GitHub token", Class::ALNUM, (36, 255)),
    shape("ghu_", "GitHub token", Class::ALNUM, (36, 255)),
    shape("github_pat_", "GitHub token", Class::WORD, (36, 255)),
    shape("glagent-", "GitLab token", Class::WORD, (20, 255)),
    shape("glc_", "Grafana token", Class::BASE64, (32, 400)),
    shape("glcbt-", "GitLab token", Class::WORD, (20, 255)),
    shape("gldt-", "GitLab token", Class::WORD, (20, 255)),
    shape("glft-", "GitLab token", Class::WORD, (20, 255)),
    shape("glimt-", "GitLab token", Class::WORD, (20, 255)),
    shape("gloas-", "GitLab token", Class::WORD, (20, 255)),
    shape("glpat-", "GitLab token", Class::DOTTED, (20, 255)),
    shape("glptt-", "GitLab token", Class::WORD, (20, 255)),
    shape("glrt-", "GitLab token", Class::DOTTED, (20, 255)),
    shape("glsa_", "Grafana token", Class::WORD, (32, 60)),
    shape("glsoat-", "GitLab token", Class::WORD, (20, 255)),
    shape("gsk_", "Groq key", Class::ALNUM, (48, 60)),
    shape("hf_", "Hugging Face token", Class::ALNUM, (30, 40)),
    shape("hvb.", "Vault token", Class::WORD, (24, 400)),
    shape("hvr.", "Vault token", Class::WORD, (24, 400)),
    shape("hvs.", "Vault token", Class::WORD, (24, 400)),
    shape("key-", "Mailgun key", Class::HEX, (32, 32)),
    shape("lin_api_", "Linear key", Class::ALNUM, (32, 60)),
    shape("npm_", "npm token", Class::ALNUM, (36, 36)),
    shape("ntn_", "Notion token", Class::ALNUM, (40, 60)),
    shape("pplx-", "Perplexity key", Class::ALNUM, (40, 64)),
    shape(
        "pscale_oauth_",
        "PlanetScale token",
        Class::DOTTED,
        (32, 80),
    ),
    shape(
        "pscale_pw_",
        "PlanetScale password",
        Class::DOTTED,
        (32, 80),
    ),
    shape("pscale_tkn_", "PlanetScale token", Class::DOTTED, (32, 80)),
    shape("pypi-", "PyPI token", Class::WORD, (50, 512)),
    shape("r8_", "Replicate token", Class::ALNUM, (37, 40)),
    shape("rk_live_", "Stripe key", Class::ALNUM, (16, 255)),
    shape("rk_test_", "Stripe key", Class::ALNUM, (16, 255)),
    shape("rubygems_", "RubyGems key", Class::HEX, (48, 48)),
    shape("secret_", "Notion token", Class::ALNUM, (43, 43)),
    shape("shpat_", "Shopify token", Class::HEX, (32, 32)),
    shape("shpca_", "Shopify token", Class::HEX, (32, 32)),
    shape("shppa_", "Shopify token", Class::HEX, (32, 32)),
    shape("shpss_", "Shopify secret", Class::HEX, (32, 32)),
    shape("sk-ant-", "Anthropic key", Class::WORD, (20, 255)),
    shape("sk-lf-", "Langfuse key", Class::WORD, (36, 36)),
    shape("sk-or-", "OpenRouter key", Class::WORD, (40, 255)),
    shape("sk-", "OpenAI key", Class::WORD, (20, 255)),
    shape("sk_live_", "Stripe key", Class::ALNUM, (16, 255)),
    shape("sk_test_", "Stripe key", Class::ALNUM, (16, 255)),
    shape("sntrys_", "Sentry token", Class::BASE64_URL, (40, 400)),
    shape("sntryu_", "Sentry token", Class::HEX, (64, 64)),
    shape("sq0atp-", "Square token", Class::WORD, (22, 22)),
    shape("sq0csp-", "Square secret", Class::WORD, (43, 43)),
    shape("tvly-", "Tavily key", Class::WORD, (28, 60)),
    shape("whsec_", "webhook secret", Class::BASE64, (24, 100)),
    shape("xai-", "xAI key", Class::ALNUM, (70, 90)),
    shape("xapp-", "Slack token", Class::WORD, (24, 255)),
    shape("xoxa-", "Slack token", Class::WORD, (20, 255)),
    shape("xoxb-", "Slack token", Class::WORD, (20, 255)),
    shape("xoxc-", "Slack token", Class::WORD, (20, 255)),
    shape("xoxd-", "Slack token", Class::BEARER, (20, 400)),
    shape("xoxe-", "Slack token", Class::WORD, (20, 255)),
    shape("xoxe.xoxb-", "Slack token", Class::WORD, (20, 255)),
    shape("xoxe.xoxp-", "Slack token", Class::WORD, (20, 255)),
    shape("xoxp-", "Slack token", Class::WORD, (20, 255)),
    shape("xoxr-", "Slack token", Class::WORD, (20, 255)),
    shape("xoxs-", "Slack token", Class::WORD, (20, 255)),
    shape("ya29.", "Google token", Class::WORD, (30, 512)),
];

/// Where the shapes that begin with each byte begin and end in [`SHAPES`].
pub const BY_FIRST: [(u8, u8); 256] = {
    let mut by_first = [(0, 0); 256];
    let mut index = 0;
    while index < SHAPES.len() {
        let first = SHAPES[index].prefix.as_bytes()[0] as usize;
        if by_first[first].1 == 0 {
            by_first[first].0 = index as u8;
        }
        by_first[first].1 = index as u8 + 1;
        index += 1;
    }
    by_first
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_order_so_that_every_shape_can_be_found() {
        for (first, (from, to)) in BY_FIRST.iter().enumerate() {
            for shape in &SHAPES[usize::from(*from)..usize::from(*to)] {
                assert_eq!(
                    usize::from(shape.prefix.as_bytes()[0]),
                    first,
                    "{}",
                    shape.prefix
                );
            }
        }
        for (index, shape) in SHAPES.iter().enumerate() {
            let hidden = SHAPES[..index]
                .iter()
                .find(|before| shape.prefix.starts_with(before.prefix));
            assert!(hidden.is_none(), "{} can never be found", shape.prefix);
        }
    }
}
