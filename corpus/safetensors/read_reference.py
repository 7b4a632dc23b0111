#!/usr/bin/env python3
"""Asks the reference package what it thinks of one file, or (--all OUT) of the whole corpus, for reference.json.

    read_reference.py FILE           prints {"verdict": ..., "message": ...}
    read_reference.py --all OUT      measures every file of the manifest

Limits are not the reference's: it is asked about the file as it is."""
import json
import sys
import tempfile

import recipe


def read(path):
    import safetensors

    try:
        with safetensors.safe_open(path, framework="np") as file:
            names = file.offset_keys()
        return {"verdict": "accept", "message": f"{len(names)} tensors"}
    except Exception as error:
        return {"verdict": "reject", "message": str(error).replace("Error while deserializing header: ", "").replace(str(path), "FILE")}


def read_all(out):
    import safetensors

    answers = {}
    with tempfile.TemporaryDirectory() as folder:
        for line in (recipe.HERE / "manifest.jsonl").read_text().splitlines():
            case = json.loads(line)
            path = recipe.path_of(case, folder)
            answer = read(str(path))
            answers[case["file"]] = answer["verdict"] + ": " + answer["message"][:120]
            if "recipe" in case:
                path.unlink()
    with open(out, "w", encoding="ascii") as file:
        json.dump({"package": "safetensors " + safetensors.__version__, "answers": answers}, file, indent=0, sort_keys=True)
        file.write("\n")


if __name__ == "__main__":
    if sys.argv[1] == "--all":
        read_all(sys.argv[2])
    else:
        print(json.dumps(read(sys.argv[1])))
