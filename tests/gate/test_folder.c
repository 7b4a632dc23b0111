/* Folders: a fixed order, nothing outside the tree, nothing passed over in silence. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "folder.h"
#include "scratch.h"

/* What a walk told, one line an entry: "path=first bytes", or "path!why". */
static char told[4096];
static size_t told_size;

static bool tell(void *context, struct folder_entry *entry)
{
    char bytes[16] = "";
    const int *stop_after = context;
    static int count;
    count = told_size == 0 ? 1 : count + 1;
    if (entry->fd >= 0 && pread(entry->fd, bytes, sizeof bytes - 1, 0) < 0)
        return false;
    size_t room = sizeof told - told_size;
    int size = entry->fd >= 0 ? snprintf(told + told_size, room, "%s=%s\n", entry->path, bytes)
                              : snprintf(told + told_size, room, "%s!%s\n", entry->path,
                                         entry->why != NULL ? entry->why : strerrorname_np(entry->error));
    told_size += (size_t)size;
    return stop_after == NULL || count < *stop_after;
}

static enum folder_end walk(const char *path, const tv_limits *limits, int *stop_after)
{
    int top = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    told_size = 0;
    told[0] = '\0';
    enum folder_end end = folder_walk(top, limits, tell, stop_after);
    (void)close(top);
    return end;
}

/* Does the walk of `path` end well and tell exactly this? */
static bool tells(const char *path, const char *expected)
{
    tv_limits limits = tv_limits_default();
    enum folder_end end = walk(path, &limits, NULL);
    if (end == FOLDER_DONE && strcmp(told, expected) == 0)
        return true;
    printf("end %d, told:\n%swanted:\n%s", end, told, expected);
    return false;
}

TEST(order_is_fixed, "entries come by the bytes of their names, folder by folder, however they were made")
{
    scratch_begin();
    scratch_file("t/b", "1");
    scratch_file("t/a/z", "2");
    scratch_file("t/a/deep/er/x", "3");
    scratch_file("t/a.b", "4");
    scratch_file("t/.hidden", "5");
    scratch_file("t/B", "6");
    CHECK(tells("t", ".hidden=5\nB=6\na/deep/er/x=3\na/z=2\na.b=4\nb=1\n"));
    CHECK(tells("t", ".hidden=5\nB=6\na/deep/er/x=3\na/z=2\na.b=4\nb=1\n"));
    scratch_end();
}

TEST(special_files_are_told, "what is no regular file is never opened and never silently left out")
{
    scratch_begin();
    scratch_file("t/good", "1");
    CHECK(mkfifo("t/fifo", 0600) == 0);
    CHECK(mkdir("t/void", 0700) == 0);
    CHECK(tells("t", "fifo!no regular file\ngood=1\n"));
    scratch_end();
}

TEST(unreadable_folders_are_told, "a folder that cannot be read is an entry with its error")
{
    scratch_begin();
    scratch_file("t/closed/x", "1");
    scratch_file("t/good", "2");
    CHECK(chmod("t/closed", 0) == 0);
    if (geteuid() == 0) {
        CHECK(seteuid(65534) == 0);
        bool as_due = chmod("t", 0755) != 0; /* now we are somebody else */
        CHECK(seteuid(0) == 0 && as_due && chmod("t", 0755) == 0 && chmod(".", 0755) == 0 && seteuid(65534) == 0);
    }
    bool as_due = tells("t", "closed!EACCES\ngood=2\n");
    if (getuid() == 0)
        CHECK(seteuid(0) == 0);
    CHECK(chmod("t/closed", 0700) == 0);
    scratch_end();
    CHECK(as_due);
}

TEST(links_inside_are_followed, "a link is followed where it resolves inside the tree, and nowhere else")
{
    scratch_begin();
    scratch_file("secret", "no");
    scratch_file("t/real/m", "yes");
    scratch_link("real/m", "t/a-inside");
    scratch_link("../real/m", "t/sub/b-up-and-inside");
    scratch_link("a-inside", "t/c-twice");
    scratch_link("../secret", "t/d-outside");
    scratch_link("real/../../secret", "t/e-outside-by-turns");
    scratch_link("/proc/self/cmdline", "t/f-absolute");
    scratch_link("nowhere", "t/g-dangling");
    scratch_link("h-circle", "t/h-circle");
    scratch_link("real", "t/i-folder");
    scratch_link("..", "t/j-out-folder");
    CHECK(mkfifo("t/real/pipe", 0600) == 0);
    scratch_link("real/pipe", "t/k-fifo");
    CHECK(tells("t", "a-inside=yes\nc-twice=yes\n"
                     "d-outside!a symbolic link that leaves the folder\n"
                     "e-outside-by-turns!a symbolic link that leaves the folder\n"
                     "f-absolute!a symbolic link that leaves the folder\n"
                     "g-dangling!a symbolic link that leads nowhere\n"
                     "h-circle!a symbolic link in a circle\n"
                     "i-folder!a symbolic link to a folder of this tree, whose files are examined there\n"
                     "j-out-folder!a symbolic link that leaves the folder\n"
                     "k-fifo!a symbolic link to something that is no regular file\n"
                     "real/m=yes\nreal/pipe!no regular file\nsub/b-up-and-inside=yes\n"));
    scratch_end();
}

static void make_cache(void)
{
    scratch_file("hub/models--a/blobs/aaa", "blob");
    scratch_file("hub/models--a/refs/main", "abc");
    scratch_file("hub/models--b/blobs/bbb", "other");
    scratch_file("hub/secret", "no");
    scratch_link("../../blobs/aaa", "hub/models--a/snapshots/abc/model.bin");
    scratch_link("../../../blobs/aaa", "hub/models--a/snapshots/abc/sub/model.bin");
    scratch_link("../../blobs/missing", "hub/models--a/snapshots/abc/n-missing");
    scratch_link("../../../models--b/blobs/bbb", "hub/models--a/snapshots/abc/o-other-model");
    scratch_link("../../blobs/../../secret", "hub/models--a/snapshots/abc/p-through-blobs");
    scratch_link("../../refs/main", "hub/models--a/snapshots/abc/q-not-blobs");
    scratch_link("../../../secret", "hub/models--a/snapshots/abc/r-secret");
    scratch_link("../../secret", "hub/models--a/blobs/link");
    scratch_link("../../blobs/link", "hub/models--a/snapshots/abc/s-blob-is-a-link");
}

TEST(the_hub_cache_is_followed, "from snapshots/ a link leads into the same model's blobs/, and nowhere else")
{
    static const char leaves[] = "a symbolic link that leaves the folder";
    char expected[1024];
    scratch_begin();
    make_cache();
    (void)snprintf(expected, sizeof expected,
                   "model.bin=blob\nn-missing!a symbolic link to a blob that is missing\no-other-model!%s\n"
                   "p-through-blobs!%s\nq-not-blobs!%s\nr-secret!%s\ns-blob-is-a-link!ELOOP\nsub/model.bin=blob\n",
                   leaves, leaves, leaves, leaves);
    CHECK(tells("hub/models--a/snapshots/abc", expected));
    /* Deeper down in the snapshot the rule is the same. */
    CHECK(tells("hub/models--a/snapshots/abc/sub", "model.bin=blob\n"));
    /* A folder that is called snapshots somewhere else has no blobs. */
    scratch_link("../../blobs/x", "elsewhere/snapshots/rev/m");
    CHECK(tells("elsewhere/snapshots/rev", "m!a symbolic link that leaves the folder\n"));
    scratch_end();
}

TEST(blob_names_are_exact, "the text of a cache link is compared to the letter")
{
    CHECK(strcmp(link_blob_name("../../blobs/abc", 2), "abc") == 0);
    CHECK(link_blob_name("../blobs/abc", 2) == NULL);
    CHECK(link_blob_name("../../../blobs/abc", 2) == NULL);
    CHECK(link_blob_name("../../blobs/", 2) == NULL);
    CHECK(link_blob_name("../../blobs/..", 2) == NULL);
    CHECK(link_blob_name("../../blobs/.", 2) == NULL);
    CHECK(link_blob_name("../../blobs/a/b", 2) == NULL);
    CHECK(link_blob_name("/blobs/a", 0) == NULL);
    CHECK(link_blob_name("../.././blobs/a", 2) == NULL);
}

TEST(bounds_hold, "a tree beyond the limits is said to be too large, not cut in silence")
{
    tv_limits limits = tv_limits_default();
    scratch_begin();
    scratch_file("t/a/b/c/d", "1");
    scratch_file("t/e", "2");
    limits.folder_depth = 2;
    CHECK(walk("t", &limits, NULL) == FOLDER_TOO_LARGE);
    limits.folder_depth = 3;
    CHECK(walk("t", &limits, NULL) == FOLDER_DONE);
    limits.folder_entries = 4; /* a, b, c, d, e */
    CHECK(walk("t", &limits, NULL) == FOLDER_TOO_LARGE);
    limits.folder_entries = 5;
    CHECK(walk("t", &limits, NULL) == FOLDER_DONE);
    scratch_end();
}

TEST(visitors_can_stop, "the walk ends where its visitor says so")
{
    tv_limits limits = tv_limits_default();
    int stop_after = 2;
    scratch_begin();
    scratch_file("t/a", "1");
    scratch_file("t/b/c", "2");
    scratch_file("t/d", "3");
    CHECK(walk("t", &limits, &stop_after) == FOLDER_STOPPED);
    CHECK(strcmp(told, "a=1\nb/c=2\n") == 0);
    scratch_end();
}

/* Opens the entry as the walk would: its first byte, or 0. */
static char opens(int top, const char *path)
{
    const char *why;
    char byte = 0;
    int fd = folder_open(top, path, &why);
    if (fd >= 0 && read(fd, &byte, 1) != 1)
        byte = '?';
    if (fd >= 0)
        (void)close(fd);
    return byte;
}

TEST(one_entry_opens_under_the_same_rules, "folder_open leaves the tree no more than the walk does")
{
    scratch_begin();
    scratch_file("secret", "S");
    scratch_file("t/sub/m", "M");
    scratch_link("sub/m", "t/inside");
    scratch_link("../secret", "t/outside");
    scratch_link("sub", "t/folder");
    int top = open("t", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CHECK(top >= 0);
    CHECK(opens(top, "sub/m") == 'M' && opens(top, "inside") == 'M');
    CHECK(opens(top, "outside") == 0 && opens(top, "../secret") == 0 && opens(top, "sub/../../secret") == 0);
    CHECK(opens(top, "folder/m") == 0 && opens(top, "sub") == 0 && opens(top, "..") == 0);
    (void)close(top);
    scratch_end();
}

int main(int argc, char **argv)
{
    int status = run_tests(argc, argv);
    scratch_end();
    return status;
}
