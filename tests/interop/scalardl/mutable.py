"""A table of mutable records, and the generic function that puts one beside an object."""

import java_sdk

PUT = "object.v1_0_0.PutToMutableDatabase"
TABLE = {
    "transaction": True, "partition-key": ["entity"], "clustering-key": ["number"],
    "columns": {"entity": "TEXT", "number": "INT", "note": "TEXT", "weight": "DOUBLE", "day": "DATE"},
}


def class_file(folder, binary_name):
    path = folder / f"{binary_name}.class"
    path.write_bytes(java_sdk.empty_class(binary_name))
    return path


def function(name, binary_name, file):
    return ["--function-id", name, "--function-binary-name", binary_name, "--function-class-file", file]


def record(namespace, entity):
    """The argument that puts a record beside an object."""
    column = lambda name, value, kind: {"column_name": name, "value": value, "data_type": kind}
    return {
        "namespace": namespace, "table": "records",
        "partition_key": [column("entity", entity, "TEXT")], "clustering_key": [column("number", 1, "INT")],
        "columns": [column("note", "ä'", "TEXT"), column("weight", 0.5, "DOUBLE"), column("day", "2026-02-28", "DATE")],
    }
