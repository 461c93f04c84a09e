"""Vendors, one file each, and what they share.

A vendor that speaks OpenAI's wire and differs in data only subclasses `openai_compatible.Provider`
and states the data. One that needs code overrides one of its methods. A compatible server nobody
has written a file for needs none: `connector: openai-compatible` with a `base_url`. One with an API
of its own for chats writes the four `chat_…` methods; one without chats is a `_vendor.Vendor` only.
Every other endpoint has a translator, listed in `translators`.

The file's name is the registration; see `modelmesh.connectors.registry`. docs/add-a-provider.md
shows how one is written.

What vendors share is in the files that begin with an underscore:

- any vendor: `_vendor`, what its failures mean (`_errors`, `_error_body`), `_usage`;
- chats on OpenAI's wire: what is sent (`_parameters`, `_messages`, `_splice`), what comes
  (`_glance`, `_stream`) and is mended (`_mending`, `_mending_calls`);
- chats on other wires: a request is read (`_conversation` with `_parts`, `_tools`, `_strict`),
  an answer and a stream are written (`_writing`);
- embeddings: `_embeddings`, `_vectors`; images: `_images`, `_sizes`; speech: `_speech`, `_voices`;
- transcripts: `_transcriptions` with `_form`; a `_transcript` is read (`_transcript_reading`) and
  written (`_transcript_forms`, `_languages`);
- JSON that may hold anything: `_fields`.

A vendor with a folder has in it, as far as it needs them: `model` (what depends on the model),
`request`, `messages`, `parameters` and `schema` (what is sent), `reply`, `answer` and `stream`
(what comes), and a file for each further endpoint.
"""
