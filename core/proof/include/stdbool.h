/* stdbool.h of the proofs: as on x86-64 Linux, and nothing more. */
#pragma once
#define bool _Bool
#define true 1
#define false 0
