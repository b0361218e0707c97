//! One request, as the command names it and as a client sends it.

use ringside_tests::{Ask, Command, Stage};
use std::fmt;

/// The host that all requests are for.
pub(crate) const HOST: &str = "ringside.test";

/// A request that is explained first, and then sent.
#[derive(Clone)]
pub(crate) struct Question {
    pub(crate) method: &'static str,
    pub(crate) path: String,
    pub(crate) fields: Vec<(&'static str, &'static str)>,
}

/// A GET.
pub(crate) fn get(path: &str) -> Question {
    Question {
        method: "GET",
        path: path.to_owned(),
        fields: Vec::new(),
    }
}

impl Question {
    pub(crate) fn method(self, method: &'static str) -> Question {
        Question { method, ..self }
    }

    pub(crate) fn field(mut self, name: &'static str, value: &'static str) -> Question {
        self.fields.push((name, value));
        self
    }

    pub(crate) fn ask(&self) -> Ask {
        let ask = Ask::new(self.method, &self.path);
        let fields = self.fields.iter();
        fields.fold(ask, |ask, (name, value)| ask.field(name, value))
    }

    /// What the command prints when it asks the server.
    #[track_caller]
    pub(crate) fn explained(&self, stage: &Stage) -> String {
        let admin = format!("127.0.0.1:{}", stage.ringside.admin());
        self.run("", &["--admin", &admin])
    }

    /// What it prints of a response whose head lies in a file.
    #[track_caller]
    pub(crate) fn explained_offline(&self, head: &str) -> String {
        // The file that the kit has for a configuration will do for a head.
        self.run(head, &["--response", "CONFIG"])
    }

    #[track_caller]
    fn run(&self, file: &str, more: &[&str]) -> String {
        let url = format!("http://{HOST}{}", self.path);
        let mut arguments = vec!["explain", &url, "-X", self.method];
        let fields = self.fields.iter();
        let lines: Vec<String> = fields
            .map(|(name, value)| format!("{name}: {value}"))
            .collect();
        for line in &lines {
            arguments.extend(["-H", line]);
        }
        arguments.extend(more);
        let output = Command::with_config(file).run(&arguments);
        let fault = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {fault}");
        String::from_utf8(output.stdout).expect("text")
    }
}

impl fmt::Display for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {:?}", self.method, self.path, self.fields)
    }
}
