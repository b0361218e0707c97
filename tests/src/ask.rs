//! A request as a script writes it, valid unless the script says otherwise.

/// The Host that requests carry unless they say another.
pub(crate) const HOST: &str = "ringside.test";

/// A request to be sent by [`crate::Client::ask`].
#[derive(Clone, Debug)]
pub struct Ask {
    pub(crate) method: String,
    target: String,
    version: &'static str,
    host: Option<String>,
    fields: Vec<(String, String)>,
    content: Content,
}

#[derive(Clone, Debug)]
enum Content {
    None,
    Length(Vec<u8>),
    Chunks(Vec<Vec<u8>>, Vec<(String, String)>),
}

impl Ask {
    /// Any method.
    pub fn new(method: &str, target: &str) -> Self {
        Ask {
            method: method.into(),
            target: target.into(),
            version: "HTTP/1.1",
            host: Some(HOST.into()),
            fields: Vec::new(),
            content: Content::None,
        }
    }

    /// GET.
    pub fn get(target: &str) -> Self {
        Self::new("GET", target)
    }

    /// HEAD.
    pub fn head(target: &str) -> Self {
        Self::new("HEAD", target)
    }

    /// POST with this content and its Content-Length.
    pub fn post(target: &str, content: impl Into<Vec<u8>>) -> Self {
        Self::new("POST", target).content(content)
    }

    /// One more field line.
    pub fn field(mut self, name: &str, value: impl AsRef<str>) -> Self {
        self.fields.push((name.into(), value.as_ref().into()));
        self
    }

    /// Another Host.
    pub fn host(mut self, host: &str) -> Self {
        self.host = Some(host.into());
        self
    }

    /// No Host field.
    pub fn without_host(mut self) -> Self {
        self.host = None;
        self
    }

    /// As an HTTP/1.0 client asks.
    pub fn http10(mut self) -> Self {
        self.version = "HTTP/1.0";
        self
    }

    /// This content, with its Content-Length.
    pub fn content(mut self, content: impl Into<Vec<u8>>) -> Self {
        self.content = Content::Length(content.into());
        self
    }

    /// This content, chunked as given.
    pub fn chunks(mut self, chunks: &[&[u8]]) -> Self {
        let chunks = chunks.iter().map(|chunk| chunk.to_vec()).collect();
        self.content = Content::Chunks(chunks, Vec::new());
        self
    }

    /// A trailer field after the last chunk.
    pub fn trailer(mut self, name: &str, value: &str) -> Self {
        let Content::Chunks(_, trailers) = &mut self.content else {
            panic!("trailers need chunks");
        };
        trailers.push((name.into(), value.into()));
        self
    }

    /// The head with its empty line.
    pub fn head_bytes(&self) -> Vec<u8> {
        let mut head = format!("{} {} {}\r\n", self.method, self.target, self.version);
        if let Some(host) = &self.host {
            head += &format!("Host: {host}\r\n");
        }
        for (name, value) in &self.fields {
            head += &format!("{name}: {value}\r\n");
        }
        match &self.content {
            Content::None => {}
            Content::Length(content) => head += &format!("Content-Length: {}\r\n", content.len()),
            Content::Chunks(..) => head += "Transfer-Encoding: chunked\r\n",
        }
        (head + "\r\n").into_bytes()
    }

    /// The content as framed.
    pub fn content_bytes(&self) -> Vec<u8> {
        match &self.content {
            Content::None => Vec::new(),
            Content::Length(content) => content.clone(),
            Content::Chunks(chunks, trailers) => {
                let mut out = Vec::new();
                for chunk in chunks {
                    out.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
                    out.extend_from_slice(chunk);
                    out.extend_from_slice(b"\r\n");
                }
                out.extend_from_slice(b"0\r\n");
                for (name, value) in trailers {
                    out.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
                }
                out.extend_from_slice(b"\r\n");
                out
            }
        }
    }

    /// The whole request.
    pub fn bytes(&self) -> Vec<u8> {
        [self.head_bytes(), self.content_bytes()].concat()
    }
}
