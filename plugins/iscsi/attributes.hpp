// SPDX-License-Identifier: Apache-2.0
// attributes: the files of the management tree that this driver adds (driver, target, session, group), in SCST's
// formats. The tables are constant data; the callbacks run on the management thread.
#pragma once

#include <scst/target.h>

#include <cstdint>
#include <span>

namespace scstd::iscsi {

[[nodiscard]] std::span<const scst_attribute> driver_attributes();
[[nodiscard]] std::span<const scst_attribute> target_attributes();
[[nodiscard]] std::span<const scst_attribute> session_attributes();
[[nodiscard]] std::span<const scst_attribute> group_attributes();
// What add_target() takes: every writable target attribute, and the accounts, to refuse them with a reason.
[[nodiscard]] std::span<const char *const> target_parameters();

// Dynamic attributes; the signatures are those of scst_target_driver.
std::int32_t add_attribute(void *self, void *target, const char *name, const char *value, scst_error *error);
std::int32_t del_attribute(void *self, void *target, const char *name, const char *value, scst_error *error);
std::int32_t set_attribute(void *self, void *target, const char *name, const char *value, scst_error *error);
void list_attributes(void *self, void *target,
                     void (*emit)(void *context, const char *name, const char *text, std::uint32_t flags),
                     void *context);
std::int32_t add_group(void *target, const char *group, void **group_data);
void del_group(void *group_data);

} // namespace scstd::iscsi
