/* Deaths of libc's own making, as plain crashes. abort and the messages before it (double free, smashed stack, FORTIFY)
 * make system calls that the filter kills for, and a crash would be taken for an attack on the jail. The linker sends
 * libc's calls of both here (--wrap, CMakeLists.txt): an illegal instruction ends the process without asking anyone. */

_Noreturn void __wrap_abort(void);
_Noreturn void __wrap___libc_message(int action, const char *format, ...);

_Noreturn void __wrap_abort(void)
{
    __builtin_trap();
}

_Noreturn void __wrap___libc_message(int action, const char *format, ...)
{
    (void)action;
    (void)format;
    __builtin_trap();
}
