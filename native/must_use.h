#ifndef ENG_MUST_USE_H
#define ENG_MUST_USE_H

/* Declares again, as must-use, a function of a cdef text: cffi does not read attributes. */
#define ENG_MUST_USE(function) extern __typeof__(function) function __attribute__((warn_unused_result))

#endif
