// SPDX-License-Identifier: Apache-2.0
// Nothing: the target that owns the precompiled standard headers needs a file (cmake/ScstCompile.cmake).
