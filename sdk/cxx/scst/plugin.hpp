// SPDX-License-Identifier: Apache-2.0
// plugin: the descriptor of a plugin written in C++, without macros.
//
//     struct my_plugin : scst::plugin_base {
//         static constexpr const char *name = "my", *version = "1", *license = "Apache-2.0", *summary = "one line";
//         explicit my_plugin(const scst::plugin_start &start) : plugin_base{start} { add_handler(my_table); }
//     };
//     extern "C" const scst_plugin *scst_plugin_entry() { return &scst::plugin_descriptor<my_plugin>; }
//
// Compiled into the plugin, never part of the ABI. The object lives from init() to exit(), on the management thread.
#pragma once

#include <scst/failure.hpp>
#include <scst/log.hpp>
#include <scst/plugin.h>

#include <concepts>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

namespace scst {

// What init() brought.
struct plugin_start {
    const scst_core *core;
    scst_plugin_ref *ref;
};

// The core as one plugin sees it. `self` of its handlers and drivers is the address of this base.
class plugin_base {
  public:
    explicit plugin_base(const plugin_start &start) noexcept : core_{start.core}, ref_{start.ref} {}
    plugin_base(const plugin_base &) = delete;
    plugin_base &operator=(const plugin_base &) = delete;

    [[nodiscard]] const scst_core *core() const noexcept { return core_; }
    [[nodiscard]] scst_plugin_ref *ref() const noexcept { return ref_; }
    [[nodiscard]] logger log(std::string component) const { return {core_, ref_, std::move(component)}; }
    // The value of PLUGIN.NAME in scstd.conf, or NULL.
    [[nodiscard]] const char *setting(const char *name) const noexcept { return core_->setting(ref_, name); }

    // Registers a table that stays valid while the plugin is loaded; only within the constructor. Throws the core's
    // reason when it refuses.
    void add_handler(const scst_handler &table) {
        scst_error error{};
        error.struct_size = sizeof error;
        check(core_->register_handler(ref_, &table, this, &error), error, table.name);
    }
    // As add_handler(). `self` is what the driver's callbacks get; driver_table() of driver.hpp wants this plugin.
    void add_driver(const scst_target_driver &table) {
        scst_error error{};
        error.struct_size = sizeof error;
        check(core_->register_target_driver(ref_, &table, this, &error), error, table.name);
    }

  protected:
    ~plugin_base() = default;

  private:
    static void check(std::int32_t result, const scst_error &error, const char *name) {
        if (result != 0)
            throw failure{-result,
                          error.text[0] != '\0' ? error.text : std::string{name} + " was refused by the daemon"};
    }

    const scst_core *core_;
    scst_plugin_ref *ref_;
};

template <class Plugin>
concept plugin_class =
    std::derived_from<Plugin, plugin_base> && std::constructible_from<Plugin, const plugin_start &> && requires {
    { Plugin::name } -> std::convertible_to<const char *>;
    { Plugin::version } -> std::convertible_to<const char *>;
    { Plugin::license } -> std::convertible_to<const char *>;
    { Plugin::summary } -> std::convertible_to<const char *>;
};

namespace detail {

template <plugin_class Plugin>
std::int32_t plugin_init(const scst_core *core, scst_plugin_ref *ref, void **self, scst_error *error) noexcept {
    return guarded(core, error, [&] { *self = std::make_unique<Plugin>(plugin_start{core, ref}).release(); });
}

template <plugin_class Plugin>
void plugin_exit(void *self) noexcept {
    const std::unique_ptr<Plugin> owned{static_cast<Plugin *>(self)};
}

} // namespace detail

template <plugin_class Plugin>
inline constexpr scst_plugin plugin_descriptor{
    .magic = SCST_PLUGIN_MAGIC,
    .abi_version = SCST_ABI_VERSION,
    .struct_size = sizeof(scst_plugin),
    .flags = 0,
    .name = Plugin::name,
    .version = Plugin::version,
    .license = Plugin::license,
    .summary = Plugin::summary,
    .init = &detail::plugin_init<Plugin>,
    .exit = &detail::plugin_exit<Plugin>,
};

} // namespace scst
