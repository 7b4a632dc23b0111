/* stddef.h of the proofs: as on x86-64 Linux, and nothing more. */
#pragma once
typedef unsigned long size_t;
#define NULL ((void *)0)
