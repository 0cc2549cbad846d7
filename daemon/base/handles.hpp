// SPDX-License-Identifier: Apache-2.0
// handles: what the plugin ABI's opaque structs are inside the daemon: empty bases.
//
// The daemon's classes derive from them, so a handle that a plugin hands back becomes the object again by static_cast.
// Deriving is public and single; the bases have no state. See sdk/include/scst/types.h.
#pragma once

struct scst_plugin_ref {};
struct scst_reactor {};
struct scst_watch {};
struct scst_timer {};
struct scst_device {};
struct scst_target {};
struct scst_session {};
