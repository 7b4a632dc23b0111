/* All of tensorvet's format library. */
#ifndef TENSORVET_TENSORVET_H
#define TENSORVET_TENSORVET_H

#include <tensorvet/api.h>
#include <tensorvet/checked.h>
#include <tensorvet/dtype.h>
#include <tensorvet/finding.h>
#include <tensorvet/incremental.h>
#include <tensorvet/index.h>
#include <tensorvet/kind.h>
#include <tensorvet/limits.h>
#include <tensorvet/slice.h>
#include <tensorvet/span.h>
#include <tensorvet/writer.h>

#endif
