// SPDX-License-Identifier: Apache-2.0
// descriptor: the required members of each table of the ABI. See descriptor.hpp.
#include "plugin/descriptor.hpp"

namespace scstd::plugin {

namespace {

struct member {
    const char *name;
    bool present;
};

template <std::size_t Count>
result<> require(std::string_view what, std::string_view name, const member (&members)[Count]) {
    for (const auto &each : members)
        if (!each.present)
            return fail(EINVAL, "{} '{}' lacks the required member {}", what, name, each.name);
    return ok();
}

// A table of attributes that is announced must be there, with rows that can be used.
result<> check_attributes(std::string_view what, std::string_view name, const scst_attribute *attributes,
                          std::uint32_t count) {
    if (count != 0 && attributes == nullptr)
        return fail(EINVAL, "{} '{}' announces {} attributes and has no table of them", what, name, count);
    for (std::uint32_t i = 0; i < count; ++i) {
        const auto &each = attributes[i];
        // Rows lie one behind the other, so their size must be that of version 1.
        if (each.struct_size != sizeof each || each.name == nullptr || *each.name == '\0')
            return fail(EINVAL, "{} '{}': attribute {} has no name or a wrong struct_size", what, name, i);
        const std::string_view attribute{each.name};
        if (attribute.find('/') != std::string_view::npos || attribute == "." || attribute == "..")
            return fail(EINVAL, "{} '{}': attribute '{}' can't be a file name", what, name, attribute);
        if (((each.flags & SCST_ATTR_READ) != 0 && each.show == nullptr) ||
            ((each.flags & SCST_ATTR_WRITE) != 0 && each.store == nullptr))
            return fail(EINVAL, "{} '{}': attribute '{}' lacks show or store", what, name, attribute);
    }
    return ok();
}

result<> check_names(std::string_view what, std::string_view name, const char *const *names, std::uint32_t count) {
    if (count != 0 && names == nullptr)
        return fail(EINVAL, "{} '{}' announces {} names and has no list of them", what, name, count);
    for (std::uint32_t i = 0; i < count; ++i)
        if (names[i] == nullptr || *names[i] == '\0')
            return fail(EINVAL, "{} '{}': name {} of a list is empty", what, name, i);
    return ok();
}

result<> check_name(std::string_view what, const char *name) {
    if (name == nullptr || !is_legal_name(name))
        return fail(EINVAL,
                    "{} has no legal name '{}': letters, digits, '_' and '-' are allowed, at most 49 characters", what,
                    name == nullptr ? "" : name);
    return ok();
}

} // namespace

bool is_legal_name(std::string_view name) noexcept {
    constexpr std::size_t longest = 49;
    return !name.empty() && name.size() <= longest && std::all_of(name.begin(), name.end(), [](unsigned char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
    });
}

result<scst_handler> copy_handler(const scst_handler *theirs) {
    constexpr auto smallest = offsetof(scst_handler, exec) + sizeof(scst_handler::exec);
    auto ours = copy_descriptor(theirs, theirs == nullptr ? 0 : theirs->struct_size, smallest, "the handler's table");
    if (!ours)
        return ours;
    const auto &table = ours.value();
    if (auto legal = check_name("the handler", table.name); !legal)
        return legal.error();
    const member required[] = {{"add_device", table.add_device != nullptr},
                               {"del_device", table.del_device != nullptr},
                               {"exec", table.exec != nullptr}};
    if (auto complete = require("handler", table.name, required); !complete)
        return complete.error();
    if (table.threads_num < 1 || table.threads_num > 1024)
        return fail(EINVAL, "handler '{}' has threads_num {}, which is not between 1 and 1024", table.name,
                    table.threads_num);
    if (table.opcode_count != 0 && table.opcodes == nullptr)
        return fail(EINVAL, "handler '{}' announces {} opcodes and has no table of them", table.name,
                    table.opcode_count);
    if (auto good = check_names("handler", table.name, table.parameters, table.parameter_count); !good)
        return good.error();
    if (auto good = check_attributes("handler", table.name, table.device_attributes, table.device_attribute_count);
        !good)
        return good.error();
    return ours;
}

result<scst_target_driver> copy_target_driver(const scst_target_driver *theirs) {
    constexpr auto smallest = offsetof(scst_target_driver, close_session) + sizeof(scst_target_driver::close_session);
    auto ours =
        copy_descriptor(theirs, theirs == nullptr ? 0 : theirs->struct_size, smallest, "the target driver's table");
    if (!ours)
        return ours;
    const auto &table = ours.value();
    if (auto legal = check_name("the target driver", table.name); !legal)
        return legal.error();
    const bool has_enabled = (table.flags & SCST_DRIVER_NO_ENABLED) == 0;
    const member required[] = {{"add_target", table.add_target != nullptr},
                               {"del_target", table.del_target != nullptr},
                               {"enable_target", table.enable_target != nullptr || !has_enabled},
                               {"xmit_response", table.xmit_response != nullptr},
                               {"task_management_done", table.task_management_done != nullptr},
                               {"close_session", table.close_session != nullptr}};
    if (auto complete = require("target driver", table.name, required); !complete)
        return complete.error();
    const struct {
        const scst_attribute *rows;
        std::uint32_t count;
    } tables[] = {{table.driver_attributes, table.driver_attribute_count},
                  {table.target_attributes, table.target_attribute_count},
                  {table.session_attributes, table.session_attribute_count},
                  {table.group_attributes, table.group_attribute_count}};
    for (const auto &each : tables)
        if (auto good = check_attributes("target driver", table.name, each.rows, each.count); !good)
            return good.error();
    const struct {
        const char *const *names;
        std::uint32_t count;
    } lists[] = {{table.target_parameters, table.target_parameter_count},
                 {table.dynamic_driver_attributes, table.dynamic_driver_attribute_count},
                 {table.dynamic_target_attributes, table.dynamic_target_attribute_count}};
    for (const auto &each : lists)
        if (auto good = check_names("target driver", table.name, each.names, each.count); !good)
            return good.error();
    return ours;
}

} // namespace scstd::plugin
