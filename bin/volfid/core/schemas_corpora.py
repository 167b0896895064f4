"""The schema of the card that a converted corpus carries."""

from volfid.core.contracts import Contract
from volfid.core.contracts import Field as F

CORPORA = (
    Contract("source", "source.json", "object", "convert_corpus.py", "Where a converted corpus came from, and what became of it.", (
        F("name", "str", "short name; the documents are NAME.jsonl"), F("loader", "str", "what read the source"),
        F("source", "object", "origin: recipe, revision, licence, citation, addresses, where known"),
        F("options", "object", "options of the loader"),
        F("files", "any", "list of {name, sha256, bytes}: the files of the source"),
        F("documents", "int", "documents written"),
        F("labels", "int", "labels that a document has; null for rows handed on as they are", null=True),
        F("cardinality", "float", "mean labels a document; null likewise", null=True),
        F("dropped", "object", "rows left out, by reason"),
        F("id_sha256", "str", "SHA-256 over the sorted ids, each with a line end: the same documents, the same hash"),
        F("content_sha256", "str", "SHA-256 of the documents as written"),
        F("notes", "str_list", "what a user should know"),
    )),
)  # fmt: skip
