//! `chart migrate --dry-run`: what would happen to a running instance. Nothing runs; a running agent moves by itself when its chart's file is saved.

use crate::cli::ChartMigrate;
use crate::exit::{DEFINITIONS, Failure, NOT_SO, USAGE};
use crate::print;
use chart::{Effects, MigrateError, PlaceError, ReloadPolicy, Snapshot};
use definitions::ChartBundle;
use serde_json::json;
use std::path::Path;
use types::Finding;

pub fn run(options: &ChartMigrate) -> Result<u8, Failure> {
    if !options.dry_run {
        return Err(Failure::new(
            USAGE,
            "a running agent moves by itself when its chart's file is saved",
        )
        .help("add --dry-run to see what would happen"));
    }
    let (from, to) = (load(&options.from)?, load(&options.to)?);
    let before = place(&from, &options.at)?;
    let mut effects = Effects::new();
    let moved = chart::migrate(
        &from.chart,
        &to.chart,
        &to.migrate,
        &before,
        0,
        &mut effects,
    );
    let (after, migration) = match moved {
        Ok(moved) => moved,
        Err(error) => return refused(options, &error),
    };
    let policy = policy(&to);
    if options.json {
        print::json(&json!({
            "ok": true,
            "policy": policy,
            "from": migration.from,
            "to": migration.to,
            "before": migration.before,
            "after": migration.after,
            "changes": migration.changes,
            "data": after.data_json(&to.chart),
            "effects": effects,
        }))?;
        return Ok(0);
    }
    let mut text = String::new();
    for (word, bundle, leaves) in [
        ("from", &from, &migration.before),
        ("to", &to, &migration.after),
    ] {
        let chart = &bundle.chart;
        text += &format!(
            "{word:<7}{} {} ({}) in {}\n",
            chart.name(),
            chart.version(),
            chart.hash().short(),
            leaves.join(" + ")
        );
    }
    text += match to.migrate.policy {
        ReloadPolicy::Migrate => "policy migrate: running instances move\n",
        ReloadPolicy::Pin => {
            "policy pin: running instances stay where they are; this is what moving would do\n"
        }
        ReloadPolicy::Refuse => {
            "policy refuse: this version is not loaded while an instance runs; this is what moving would do\n"
        }
    };
    if migration.changes.is_empty() {
        text += "\nEverything goes on as it is.\n";
    } else {
        text += "\n";
        for (number, change) in migration.changes.iter().enumerate() {
            text += &format!("{:>3}. {}\n", number + 1, print::plain(&change.to_string()));
        }
    }
    let outside = effects.iter().filter(|effect| !effect.is_informational());
    for effect in outside {
        let effect = serde_json::to_string(effect).unwrap_or_default();
        text += &format!("  →  {}\n", print::plain(&effect));
    }
    print::out(&text)?;
    Ok(0)
}

fn load(path: &Path) -> Result<ChartBundle, Failure> {
    let color = print::color_on_stderr();
    let (bundle, warnings) = definitions::load_chart(path)
        .map_err(|report| Failure::report(DEFINITIONS, report.render(color)))?;
    print::err(&warnings.render(color));
    Ok(bundle)
}

fn place(bundle: &ChartBundle, at: &[String]) -> Result<Snapshot, Failure> {
    let states: Vec<&str> = at.iter().map(String::as_str).collect();
    chart::place(&bundle.chart, &states, 0, &mut Effects::new()).map_err(|error| match error {
        PlaceError::Step(_) => Failure::new(NOT_SO, error),
        _ => Failure::new(USAGE, error)
            .help("--at names states of the first chart that can be active together, for instance `--at act` or `--at left2,right1`"),
    })
}

fn policy(bundle: &ChartBundle) -> &'static str {
    match bundle.migrate.policy {
        ReloadPolicy::Migrate => "migrate",
        ReloadPolicy::Pin => "pin",
        ReloadPolicy::Refuse => "refuse",
    }
}

fn refused(options: &ChartMigrate, error: &MigrateError) -> Result<u8, Failure> {
    if !options.json {
        return Err(Failure::new(
            NOT_SO,
            format!(
                "a running instance could not move, and would stay with what it runs:\n{error}"
            ),
        )
        .help(""));
    }
    let errors: Vec<Finding> = match error {
        MigrateError::Mapping(findings) => findings.clone(),
        MigrateError::Step(error) => {
            vec![Finding::error(
                &types::Place::new(options.to.to_string_lossy(), 1, 1),
                error.to_string(),
                "",
            )]
        }
    };
    let errors: Vec<_> = errors
        .iter()
        .map(|f| json!({ "file": f.place.file, "line": f.place.line, "column": f.place.column, "message": f.message, "help": f.help }))
        .collect();
    print::json(&json!({ "ok": false, "errors": errors }))?;
    Ok(NOT_SO)
}
