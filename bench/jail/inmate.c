/* The benchmark's inmate: puts on as many layers as argv says, and ends. */
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <filter_load.h>
#include <jail.h>
#include <landlock.h>

static void put_landlock_on(void)
{
    const struct landlock_ruleset all = landlock_everything(landlock_abi());
    if (prctl(PR_SET_NO_NEW_PRIVS, 1ul, 0ul, 0ul, 0ul) != 0 || (all.files != 0 && landlock_deny(&all) != 0))
        _exit(1);
}

static void put_filter_on(void)
{
    if (prctl(PR_SET_NO_NEW_PRIVS, 1ul, 0ul, 0ul, 0ul) != 0 || filter_load(JAIL_STRICT) != 0)
        _exit(2);
}

int main(int argc, char **argv)
{
    const char *layers = argc > 1 ? argv[1] : "";
    uint32_t abi = 0;
    const char *failed_at = "";
    if (strcmp(layers, "landlock") == 0)
        put_landlock_on();
    else if (strcmp(layers, "filter") == 0)
        put_filter_on();
    else if (strcmp(layers, "lock") == 0 && jail_lock(JAIL_STRICT, &abi, &failed_at) == 0)
        _exit(3);
    _exit(0);
}
