/* Names: what a file's name promises a loader, and what an output is called. Names never decide what a file is. */
#ifndef GATE_NAME_H
#define GATE_NAME_H

#include <stdbool.h>

#include <tensorvet/finding.h>
#include <tensorvet/kind.h>

/* Would a loader of ours open a file of that name, whatever is in it? (Table in name.c.) */
bool name_is_model(const char *path);
/* Does the name promise a safetensors loader its own format? */
bool name_is_safetensors(const char *path);
/* The finding that a file called *.safetensors gets for being of that kind, or TV_FIND_NONE. */
tv_finding_id name_disguise(const char *path, tv_kind kind);

/* Would a loader take it for the index of a sharded model: the name of a model file, then .index.json? */
bool name_is_index(const char *path);

/* The last component of a path. */
const char *name_of_path(const char *path);
/* What the file of that name converts to (DESIGN 5.3): pytorch_model before '.' or '-' loses pytorch_, and the
 * extension becomes .safetensors. malloc'd; NULL without memory. */
char *name_of_output(const char *name);
/* What the index of that name becomes: that of the outputs of its shards. malloc'd; NULL without memory. */
char *name_of_output_index(const char *name);
/* Does the text end so, in whatever case? */
bool name_ends(const char *text, const char *suffix);

#endif
