"""Makes the files of the corpus that are too large to keep, and finds the others."""
import pathlib
import struct

HERE = pathlib.Path(__file__).parent


def make(recipe, path):
    """{"header": text, "fill": ones put in the place of @@, "pad_to": length of the header, else a multiple of 8,
    "data": bytes of the data section, sparse}; or {"start": the first bytes in hex, "size": of the file, sparse}."""
    if "start" in recipe:
        with open(path, "wb") as file:
            file.write(bytes.fromhex(recipe["start"]))
            file.truncate(recipe["size"])
        return
    header = recipe["header"].replace("@@", "1" * recipe.get("fill", 0)).encode()
    header += b" " * (recipe.get("pad_to", len(header) + -len(header) % 8) - len(header))
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(header)) + header)
        file.truncate(8 + len(header) + recipe.get("data", 0))


def path_of(case, folder):
    """Where the case's file is; a recipe is made in the folder."""
    if not case.get("recipe"):
        return HERE / case["file"]
    path = pathlib.Path(folder) / case["file"].split("/")[1]
    make(case["recipe"], path)
    return path
