/* Patterns of names: what they match, what they do not, and that no name makes them slow. */
#include <string.h>

#include <check.h>
#include <glob.h>

TEST(matches, "each pattern takes what it says")
{
    static const struct {
        const char *pattern, *name;
        bool matches;
    } rows[] = {
        {"", "", true},
        {"", "a", false},
        {"a", "", false},
        {"*", "", true},
        {"**", "a.b", true},
        {"a", "a", true},
        {"a", "ab", false},
        {"b", "ab", false},
        {"encoder.*", "encoder.layer.0.weight", true},
        {"encoder.*", "encoder", false},
        {"encoder.*", "xencoder.a", false},
        {"*.bias", "a.b.bias", true},
        {"*.bias", "a.bias.b", false},
        {"*a*b*c*", "xaxxbxxabxc", true},
        {"*a*b*c*", "xaxxcxxab", false},
        {"h.?.w", "h.0.w", true},
        {"h.?.w", "h.10.w", false},
        {"?", "\xc3\xa9", true},
        {"??", "\xc3\xa9", false},
        {"*?", "a\xe2\x82\xac", true},
        {"h.[0-3].w", "h.3.w", true},
        {"h.[0-3].w", "h.4.w", false},
        {"h.[!0-3].w", "h.4.w", true},
        {"h.[!0-3].w", "h.\xc3\xa9.w", true},
        {"[abc-]", "-", true},
        {"[]]", "]", true},
        {"[]a]x", "ax", true},
        {"[!]]", "]", false},
        {"[", "[", true},
        {"[!", "[!", true},
        {"[a", "[a", true},
        {"[]", "[]", true},
        {"a[[]0]", "a[0]", true},
        {"a*", "b", false},
        {"*[0-9]", "layer7", true},
        {"*[0-9]", "layer", false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        CHECK_MSG(glob_match(rows[i].pattern, tv_span_str(rows[i].name)) == rows[i].matches, "%s against %s",
                  rows[i].pattern, rows[i].name);
}

TEST(slow_name, "a name made to be slow takes the lengths' product at most")
{
    static char name[1 << 16];
    memset(name, 'a', sizeof(name) - 1);
    CHECK(!glob_match("*a*a*a*a*a*a*a*a*a*a*a*a*b", tv_span_str(name)));
    CHECK(glob_match("*a*a*a*a*a*a*a*a*a*a*a*a*a", tv_span_str(name)));
}

int main(int argc, char **argv)
{
    return run_tests(argc, argv);
}
