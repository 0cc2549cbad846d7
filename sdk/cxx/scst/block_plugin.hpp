// SPDX-License-Identifier: Apache-2.0
// block_plugin: what every plugin of one block backend does alike: register the backend, open and close its media. The
// core calls all of it on its management thread; the handler owns an opened medium until close().
//
// A medium has `static int open(const scst_block_open &, std::unique_ptr<Medium> &, std::string &why)` and
// `int describe(scst_block_info &) const`; both answer 0 or -errno, and `why` may say more than the errno.
#pragma once

#include <scst/block.h>
#include <scst/log.hpp>
#include <scst/plugin.h>

#include <cerrno>
#include <memory>
#include <new>
#include <string>

namespace scst {

template <typename Medium>
class block_plugin {
  public:
    static Medium &of(void *medium) noexcept { return *static_cast<Medium *>(medium); }

    static std::int32_t open(void *self, const scst_block_open *request, void **medium, scst_block_info *info,
                             scst_error *error) {
        const scst_core *core = static_cast<block_plugin *>(self)->core_;
        try {
            std::unique_ptr<Medium> opened;
            std::string why;
            int result = Medium::open(*request, opened, why);
            if (result == 0)
                result = opened->describe(*info);
            if (result != 0)
                return why.empty() ? result
                                   : refuse(core, error, -result, "device %s: %s", request->device_name, why.c_str());
            *medium = opened.release();
            return 0;
        } catch (const std::bad_alloc &) {
            return refuse(core, error, ENOMEM, "device %s: no memory", request->device_name);
        }
    }

    static void close(void *medium) { const std::unique_ptr<Medium> gone{&of(medium)}; }

    // scst_plugin::init and ::exit of a plugin whose one backend is `Backend`.
    template <const scst_block_backend &Backend>
    static std::int32_t init(const scst_core *core, scst_plugin_ref *ref, void **self, scst_error *error) {
        std::unique_ptr<block_plugin> made{new (std::nothrow) block_plugin{core}};
        if (made == nullptr)
            return refuse(core, error, ENOMEM, "%s: no memory", Backend.name);
        if (const std::int32_t result = scst_block_register(core, ref, &Backend, made.get(), &made->handler_, error);
            result != 0)
            return result;
        *self = made.release();
        return 0;
    }

    static void exit(void *self) {
        const std::unique_ptr<block_plugin> gone{static_cast<block_plugin *>(self)};
        scst_block_unregister(gone->handler_);
    }

  private:
    explicit block_plugin(const scst_core *core) noexcept : core_{core} {}

    const scst_core *core_;
    scst_block_handler *handler_ = nullptr;
};

} // namespace scst
