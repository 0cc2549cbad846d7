// SPDX-License-Identifier: Apache-2.0
// loader: see loader.hpp.
#define BOOST_DLL_USE_STD_FS
#include "plugin/loader.hpp"

#include "core/core.hpp"
#include "log/log.hpp"
#include "plugin/descriptor.hpp"

#include <boost/dll/shared_library.hpp>

#include <elf.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <system_error>

namespace scstd::plugin {

namespace fs = std::filesystem;

struct loader::entry {
    boost::dll::shared_library object;
    std::unique_ptr<plugin> instance;
    void *self = nullptr;
    void (*exit)(void *self) = nullptr;
};

namespace {

std::string copied(const char *text) {
    return text == nullptr ? std::string{} : std::string{text};
}

// Whoever can replace the file runs code as the daemon, so the file and its folder must not be open to everybody.
// dlopen() maps what the program headers promise; where the file is shorter, the first touch is a SIGBUS.
result<> check_elf(const fs::path &path, std::uint64_t size) {
    std::ifstream file{path, std::ios::binary};
    Elf64_Ehdr header{};
    file.read(reinterpret_cast<char *>(&header), sizeof header);
    if (!file || std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_ident[EI_CLASS] != ELFCLASS64 ||
        header.e_phentsize != sizeof(Elf64_Phdr))
        return fail(ENOEXEC, "plugin {}: not a shared object of this machine", path.string());
    file.seekg(static_cast<std::streamoff>(header.e_phoff));
    for (unsigned i = 0; i < header.e_phnum; i++) {
        Elf64_Phdr segment{};
        file.read(reinterpret_cast<char *>(&segment), sizeof segment);
        if (!file || segment.p_offset > size || segment.p_filesz > size - segment.p_offset)
            return fail(ENOEXEC, "plugin {}: the file is cut short", path.string());
    }
    return ok();
}

result<> check_file(const fs::path &path) {
    struct stat state {};
    if (::stat(path.c_str(), &state) != 0) {
        const int why = errno;
        return fail(why, "plugin {}: {}", path.string(), std::strerror(why));
    }
    if (!S_ISREG(state.st_mode))
        return fail(EINVAL, "plugin {}: not a regular file", path.string());
    if ((state.st_mode & S_IWOTH) != 0)
        return fail(EPERM, "plugin {}: everybody may write to the file", path.string());
    struct stat folder {};
    const auto parent = path.parent_path();
    if (::stat(parent.c_str(), &folder) == 0 && (folder.st_mode & S_IWOTH) != 0 && (folder.st_mode & S_ISVTX) == 0)
        return fail(EPERM, "plugin {}: everybody may write to its folder", path.string());
    return check_elf(path, static_cast<std::uint64_t>(state.st_size));
}

// The part of the descriptor that every version has; nothing after it is read before these hold.
result<> check_header(const scst_plugin *theirs, const std::string &path) {
    if (theirs == nullptr)
        return fail(EINVAL, "plugin {}: {}() returned NULL", path, SCST_PLUGIN_ENTRY_NAME);
    if (theirs->magic != SCST_PLUGIN_MAGIC)
        return fail(EINVAL, "plugin {}: magic is {:#010x} and not {:#010x}: not a plugin of scstd", path, theirs->magic,
                    SCST_PLUGIN_MAGIC);
    if (theirs->abi_version != SCST_ABI_VERSION)
        return fail(ENOTSUP, "plugin {}: built for version {} of the plugin ABI, this daemon has version {}", path,
                    theirs->abi_version, SCST_ABI_VERSION);
    return ok();
}

result<scst_plugin> read_descriptor(const scst_plugin *theirs, const fs::path &path) {
    if (auto good = check_header(theirs, path.string()); !good)
        return good.error();
    constexpr auto smallest = offsetof(scst_plugin, init) + sizeof(scst_plugin::init);
    auto ours = copy_descriptor(theirs, theirs->struct_size, smallest, "the descriptor");
    if (!ours)
        return fail(ours.error().code, "plugin {}: {}", path.string(), ours.error().message);
    const auto &descriptor = ours.value();
    if (descriptor.name == nullptr || !is_legal_name(descriptor.name))
        return fail(EINVAL, "plugin {}: its name is not legal (letters, digits, '_' and '-', at most 49 characters)",
                    path.string());
    if (path.stem() != descriptor.name)
        return fail(EINVAL, "plugin {}: calls itself '{}', which is not the file's name", path.string(),
                    descriptor.name);
    if (descriptor.init == nullptr)
        return fail(EINVAL, "plugin {}: has no init()", path.string());
    return ours;
}

result<boost::dll::shared_library> open_object(const fs::path &path) {
    boost::dll::shared_library object;
    std::error_code failed;
    // RTLD_LOCAL: no plugin sees another's symbols. RTLD_NOW: a missing one shows here and not in the middle of I/O.
    object.load(path, boost::dll::load_mode::rtld_now | boost::dll::load_mode::rtld_local, failed);
    if (failed) {
        const char *const reason = ::dlerror();
        return fail(ENOEXEC, "plugin {}: can't be loaded: {}", path.string(),
                    reason != nullptr ? std::string{reason} : failed.message());
    }
    if (!object.has(SCST_PLUGIN_ENTRY_NAME))
        return fail(EINVAL, "plugin {}: has no symbol {}: not a plugin of scstd", path.string(),
                    SCST_PLUGIN_ENTRY_NAME);
    return object;
}

std::map<std::string, std::string> section_of(const std::map<std::string, std::string> &settings,
                                              const std::string &name) {
    std::map<std::string, std::string> section;
    const std::string prefix = name + ".";
    for (auto at = settings.lower_bound(prefix); at != settings.end() && at->first.starts_with(prefix); ++at)
        section.emplace(at->first.substr(prefix.size()), at->second);
    return section;
}

void close_object(boost::dll::shared_library &object) {
#ifdef SCST_SANITIZED
    // The sanitizers symbolize at the end of the process, which needs the object; a leak of the mapping is no leak.
    static std::vector<boost::dll::shared_library> kept;
    kept.push_back(std::move(object));
#else
    object.unload();
#endif
}

} // namespace

loader::loader(core &registry, fs::path plugin_dir) : core_{registry}, directory_{std::move(plugin_dir)} {}

loader::~loader() = default;

result<fs::path> loader::locate(std::string_view which) const {
    std::error_code failed;
    if (which.find('/') != std::string_view::npos) {
        auto path = fs::absolute(fs::path{which}, failed);
        if (failed)
            return fail(failed.value(), "plugin {}: {}", which, failed.message());
        return path.lexically_normal();
    }
    if (!is_legal_name(which))
        return fail(EINVAL, "'{}' is not the name of a plugin (letters, digits, '_' and '-', at most 49 characters)",
                    which);
    return directory_ / (std::string{which} + ".so");
}

result<plugin *> loader::load(std::string_view which) {
    auto place = locate(which);
    if (!place)
        return place.error();
    const auto path = place.take();
    if (auto good = check_file(path); !good)
        return good.error();
    const auto same = [&](const auto &each) { return each->instance->name() == path.stem().string(); };
    if (std::any_of(loaded_.begin(), loaded_.end(), same))
        return fail(EEXIST, "plugin '{}' is loaded already", path.stem().string());

    auto object = open_object(path);
    if (!object)
        return object.error();
    auto loaded = std::make_unique<entry>();
    loaded->object = object.take();
    const auto entry_point = loaded->object.get<const scst_plugin *()>(SCST_PLUGIN_ENTRY_NAME);
    auto descriptor = read_descriptor(entry_point(), path);
    if (!descriptor) {
        close_object(loaded->object);
        return descriptor.error();
    }
    if (auto started = start(*loaded, descriptor.value()); !started) {
        close_object(loaded->object);
        return started.error();
    }
    loaded_.push_back(std::move(loaded));
    return loaded_.back()->instance.get();
}

result<> loader::start(entry &loaded, const scst_plugin &descriptor) {
    const std::string name = descriptor.name;
    loaded.instance =
        std::make_unique<plugin>(description{name, loaded.object.location().string(), copied(descriptor.version),
                                             copied(descriptor.license), copied(descriptor.summary)},
                                 section_of(core_.options().settings, name));
    loaded.exit = descriptor.exit;

    scst_error why{};
    why.struct_size = sizeof why;
    const auto answer = descriptor.init(&core::api(), loaded.instance.get(), &loaded.self, &why);
    if (answer != 0) {
        why.text[sizeof why.text - 1] = '\0';
        const int code = answer < 0 && answer > -4096 ? -answer : EINVAL;
        if (auto undone = core_.unregister_plugin(loaded.instance.get()); !undone)
            log::error("plugin", "{}: what it registered before its init() failed stays: {}", name,
                       undone.error().message);
        return fail(code, "plugin '{}' refused to start: {}", name,
                    why.text[0] != '\0' ? why.text : std::strerror(code));
    }
    log::info("plugin", "{} {} loaded from {}", name, loaded.instance->version(), loaded.instance->path());
    for (const auto &setting : loaded.instance->unused_settings())
        log::warning("config", "{}.{}: the plugin {} has no such setting", name, setting, name);
    return ok();
}

result<> loader::unload(std::string_view name) {
    const auto found =
        std::find_if(loaded_.begin(), loaded_.end(), [&](const auto &each) { return each->instance->name() == name; });
    if (found == loaded_.end())
        return fail(ENOENT, "no plugin '{}' is loaded", name);
    auto &going = **found;
    if (auto idle = core_.unregister_plugin(going.instance.get()); !idle)
        return fail(idle.error().code, "plugin '{}' can't be unloaded: {}", name, idle.error().message);
    // Its last session may have left work behind on a reactor: that runs before what it stands on goes.
    drain_reactors();
    if (going.exit != nullptr)
        going.exit(going.self);
    drain_reactors();
    close_object(going.object);
    log::info("plugin", "{} unloaded", going.instance->name());
    loaded_.erase(found);
    return ok();
}

// Twice, because what was posted may defer more, and deferred work runs after the posted.
void loader::drain_reactors() {
    for (int round = 0; round < 2; round++)
        for (std::uint32_t i = 0; i < core_.reactors().count(); i++)
            core_.reactors().at(i)->call([] {});
}

void loader::unload_all() {
    for (auto i = loaded_.size(); i-- > 0;) {
        const std::string name = loaded_[i]->instance->name();
        if (auto done = unload(name); !done)
            log::error("plugin", "{}", done.error().message);
    }
}

std::vector<const plugin *> loader::list() const {
    std::vector<const plugin *> all;
    all.reserve(loaded_.size());
    for (const auto &each : loaded_)
        all.push_back(each->instance.get());
    return all;
}

} // namespace scstd::plugin
