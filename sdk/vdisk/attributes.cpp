// SPDX-License-Identifier: Apache-2.0
// See attributes.hpp.
#include "attributes.hpp"

#include "device.hpp"

#include <scst/text.hpp>

#include <array>
#include <cerrno>

namespace scst::vdisk {
namespace {

using show_fn = void (*)(device &, scst_writer *);
using store_fn = int (*)(device &, const char *, std::string_view, scst_error *);

constexpr std::uint64_t megabyte = 1u << 20;

struct row {
    const char *name;
    std::uint32_t traits; // devices with any of these have it
    show_fn show;         // NULL: can't be read
    store_fn store;       // NULL: can't be written
};

int bad_value(device &dev, const char *name, scst_error *error, const char *reason) {
    return refuse(&dev.core(), error, EINVAL, "device %s: %s: %s", dev.name().c_str(), name, reason);
}

// ---- flags ----

template <bool settings::*Member, bool Default = false>
void show_flag(device &dev, scst_writer *out) {
    const bool value = dev.config().*Member;
    write_value(out, std::uint64_t{value}, value != Default);
}

// SCST takes any number for some flags and 0 or 1 only for others.
int parse_bool(device &dev, const char *name, std::string_view text, bool strict, bool &value, scst_error *error) {
    std::uint64_t number = 0;
    if (parse_unsigned(text, number) != 0 || (strict && number > 1))
        return bad_value(dev, name, error, strict ? "must be 0 or 1" : "is not a number");
    value = number != 0;
    return 0;
}

template <bool settings::*Member, bool Strict>
int store_flag(device &dev, const char *name, std::string_view text, scst_error *error) {
    return parse_bool(dev, name, text, Strict, dev.config_for_change().*Member, error);
}

int store_expl_alua(device &dev, const char *name, std::string_view text, scst_error *error) {
    bool value = false;
    if (const int result = parse_bool(dev, name, text, false, value, error); result != 0)
        return result;
    dev.set_explicit_alua(value);
    return 0;
}

int store_lb_per_pb_exp(device &dev, const char *name, std::string_view text, scst_error *error) {
    bool value = false;
    if (const int result = parse_bool(dev, name, text, true, value, error); result != 0)
        return result;
    dev.set_lb_per_pb_exp(value);
    return 0;
}

void show_bind_alua(device &dev, scst_writer *out) {
    const bool normal = (dev.backend().flags & SCST_BLOCK_BIND_ALUA) != 0;
    write_value(out, std::uint64_t{dev.config().bind_alua}, dev.config().bind_alua != normal);
}

int store_active(device &dev, const char *name, std::string_view text, scst_error *error) {
    bool value = false;
    if (const int result = parse_bool(dev, name, text, true, value, error); result != 0)
        return result;
    return dev.set_active(value, error);
}

void show_write_through(device &dev, scst_writer *out) {
    const bool value = dev.mode().write_through;
    write_value(out, std::uint64_t{value}, value);
}

void show_nv_cache(device &dev, scst_writer *out) {
    write_value(out, std::uint64_t{dev.nv_cache()}, dev.config().nv_cache);
}

void show_thin(device &dev, scst_writer *out) {
    write_value(out, std::uint64_t{dev.thin()}, dev.config().thin_set);
}

void show_cluster_mode(device &, scst_writer *out) {
    write_value(out, std::uint64_t{0}, false);
}

int store_cluster_mode(device &dev, const char *name, std::string_view text, scst_error *error) {
    bool value = false;
    if (const int result = parse_bool(dev, name, text, true, value, error); result != 0)
        return result;
    if (value)
        return refuse(&dev.core(), error, EOPNOTSUPP, "device %s: cluster_mode is not supported by this implementation",
                      dev.name().c_str());
    return 0;
}

// ---- numbers ----

void show_tst(device &dev, scst_writer *out) {
    write_value(out, std::uint64_t{dev.config().tst}, dev.config().tst != 1);
}

void show_block_size(device &dev, scst_writer *out) {
    write_value(out, std::uint64_t{dev.block_size()}, dev.block_size() != 512);
}

std::uint64_t bytes_of(const device &dev) {
    return dev.block_count() << dev.block_shift();
}

void show_size(device &dev, scst_writer *out) {
    const std::uint64_t bytes = bytes_of(dev);
    const std::uint64_t normal = dev.backend().default_size & ~std::uint64_t{dev.block_size() - 1};
    write_value(out, bytes, normal == 0 || bytes != normal);
}

void show_size_mb(device &dev, scst_writer *out) {
    write_value(out, bytes_of(dev) / megabyte, false);
}

int store_bytes(device &dev, const char *name, std::string_view text, std::uint64_t unit, scst_error *error) {
    std::uint64_t number = 0;
    if (parse_unsigned(text, number) != 0 || number > (std::uint64_t{1} << 62) / unit)
        return bad_value(dev, name, error, "is not a number or too large");
    return dev.set_size(number * unit, error);
}

int store_size(device &dev, const char *name, std::string_view text, scst_error *error) {
    return store_bytes(dev, name, text, 1, error);
}

int store_size_mb(device &dev, const char *name, std::string_view text, scst_error *error) {
    return store_bytes(dev, name, text, megabyte, error);
}

void show_opt_trans_len(device &dev, scst_writer *out) {
    write_value(out, dev.optimal_transfer(), dev.optimal_transfer_set());
}

int store_opt_trans_len(device &dev, const char *name, std::string_view text, scst_error *error) {
    std::uint64_t number = 0;
    if (parse_unsigned(text, number) != 0)
        return bad_value(dev, name, error, "is not a number");
    return dev.set_optimal_transfer(number, error);
}

// ---- triggers: what is written does not matter ----

int store_resync_size(device &dev, const char *, std::string_view, scst_error *error) {
    return dev.resync_size(error);
}

int store_sync(device &dev, const char *name, std::string_view, scst_error *error) {
    medium *open = dev.backing();
    if (open == nullptr)
        return refuse(&dev.core(), error, EMEDIUMTYPE, "device %s: %s: the device is not active", dev.name().c_str(),
                      name);
    return open->flush();
}

int store_soft_threshold(device &dev, const char *name, std::string_view, scst_error *error) {
    if (!dev.thin())
        return bad_value(dev, name, error, "the device is not thin provisioned");
    dev.core().device_unit_attention(dev.handle(), 0x38, 0x07, nullptr);
    return 0;
}

// ---- file names ----

// With an empty line behind the mark, as SCST prints it.
void show_filename(device &dev, scst_writer *out) {
    if (dev.config().filename.empty()) {
        write(out, "none\n\n");
        return;
    }
    write_value(out, std::string_view{dev.config().filename}, true);
    write(out, "\n");
}

int store_filename(device &dev, const char *, std::string_view text, scst_error *error) {
    return dev.is_cdrom() ? dev.load_disc(text, error) : dev.set_filename(text, error);
}

// ---- identity ----

template <id_text identity::*Member>
void show_id(device &dev, scst_writer *out) {
    const identity id = dev.id();
    write_value(out, std::string_view{(id.*Member).value}, (id.*Member).set);
}

template <id_text identity::*Member, std::size_t Limit>
int store_id(device &dev, const char *name, std::string_view text, scst_error *error) {
    if (text.size() > Limit)
        return refuse(&dev.core(), error, EINVAL, "device %s: %s: %zu characters, at most %zu are possible",
                      dev.name().c_str(), name, text.size(), Limit);
    dev.change_identity([&](identity &id) { id.*Member = {std::string{text}, true}; });
    return 0;
}

// Texts whose default is empty are marked when they are not.
template <id_text identity::*Member, std::size_t Limit>
int store_optional_id(device &dev, const char *name, std::string_view text, scst_error *error) {
    if (text.size() > Limit)
        return refuse(&dev.core(), error, EINVAL, "device %s: %s: %zu characters, at most %zu are possible",
                      dev.name().c_str(), name, text.size(), Limit);
    dev.change_identity([&](identity &id) { id.*Member = {std::string{text}, !text.empty()}; });
    return 0;
}

template <std::string identity::*Member>
void show_binary_id(device &dev, scst_writer *out) {
    const std::string bytes = dev.id().*Member;
    write_value(out, bytes.empty() ? std::string{} : "0x" + to_hex(bytes), !bytes.empty());
}

template <std::string identity::*Member, bool (*Valid)(std::string_view) noexcept>
int store_binary_id(device &dev, const char *name, std::string_view text, scst_error *error) {
    std::string bytes;
    if (!parse_hex(text, bytes) || !Valid(bytes))
        return bad_value(dev, name, error, "is not such an identifier in hexadecimal");
    dev.change_identity([&](identity &id) { id.*Member = bytes; });
    return 0;
}

constexpr std::uint32_t all_devices = trait_disk | trait_cdrom;
constexpr std::uint32_t with_file = SCST_BLOCK_HAS_FILENAME;

constexpr std::array<row, 37> rows{{
    {"filename", with_file | trait_cdrom, show_filename, store_filename},
    {"size", SCST_BLOCK_SIZE_WRITABLE, show_size, store_size},
    {"size", all_devices, show_size, nullptr},
    {"size_mb", SCST_BLOCK_SIZE_WRITABLE, show_size_mb, store_size_mb},
    {"size_mb", all_devices, show_size_mb, nullptr},
    {"blocksize", trait_disk, show_block_size, nullptr},
    {"opt_trans_len", trait_disk, show_opt_trans_len, store_opt_trans_len},
    {"read_only", trait_disk, show_flag<&settings::read_only>, nullptr},
    {"write_through", SCST_BLOCK_HAS_CACHE, show_write_through, nullptr},
    {"nv_cache", SCST_BLOCK_HAS_CACHE, show_nv_cache, nullptr},
    {"o_direct", SCST_BLOCK_HAS_DIRECT, show_flag<&settings::o_direct>, nullptr},
    {"async", SCST_BLOCK_HAS_DIRECT, show_flag<&settings::async>, store_flag<&settings::async, true>},
    {"thin_provisioned", SCST_BLOCK_HAS_THIN, show_thin, nullptr},
    {"gen_tp_soft_threshold_reached_UA", SCST_BLOCK_HAS_THIN, nullptr, store_soft_threshold},
    {"tst", all_devices, show_tst, nullptr},
    {"rotational", trait_disk, show_flag<&settings::rotational, true>, nullptr},
    {"removable", trait_disk, show_flag<&settings::removable>, nullptr},
    {"active", with_file, show_flag<&settings::active, true>, store_active},
    {"bind_alua_state", with_file, show_bind_alua, store_flag<&settings::bind_alua, false>},
    {"expl_alua", with_file, show_flag<&settings::expl_alua>, store_expl_alua},
    {"cluster_mode", trait_disk, show_cluster_mode, store_cluster_mode},
    {"dummy", SCST_BLOCK_HAS_DUMMY, show_flag<&settings::dummy>, nullptr},
    {"read_zero", SCST_BLOCK_HAS_DUMMY, show_flag<&settings::read_zero>, store_flag<&settings::read_zero, true>},
    {"lb_per_pb_exp", with_file, show_flag<&settings::lb_per_pb_exp, true>, store_lb_per_pb_exp},
    {"resync_size", with_file, nullptr, store_resync_size},
    {"sync", with_file, nullptr, store_sync},
    {"sbc_extensions", trait_disk, show_flag<&settings::extensions>, nullptr},
    {"t10_vend_id", all_devices, show_id<&identity::t10_vend_id>, store_id<&identity::t10_vend_id, max_t10_vend_id>},
    {"prod_id", all_devices, show_id<&identity::prod_id>, store_id<&identity::prod_id, max_prod_id>},
    {"prod_rev_lvl", all_devices, show_id<&identity::prod_rev_lvl>,
     store_id<&identity::prod_rev_lvl, max_prod_rev_lvl>},
    {"scsi_device_name", all_devices, show_id<&identity::scsi_device_name>,
     store_optional_id<&identity::scsi_device_name, max_scsi_device_name>},
    {"t10_dev_id", all_devices, show_id<&identity::t10_dev_id>, store_id<&identity::t10_dev_id, max_t10_dev_id>},
    {"vend_specific_id", all_devices, show_id<&identity::vend_specific_id>,
     store_id<&identity::vend_specific_id, max_vend_specific_id>},
    {"usn", all_devices, show_id<&identity::usn>, store_id<&identity::usn, max_usn>},
    {"naa_id", all_devices, show_binary_id<&identity::naa>, store_binary_id<&identity::naa, valid_naa>},
    {"eui64_id", all_devices, show_binary_id<&identity::eui64>, store_binary_id<&identity::eui64, valid_eui64>},
    {"inq_vend_specific", all_devices, show_id<&identity::inq_vend_specific>,
     store_optional_id<&identity::inq_vend_specific, max_inq_vend_specific>},
}};

// The row behind an attribute: the first of this name that the device has.
const row *find(std::uint32_t traits, std::string_view name) noexcept {
    for (const row &each : rows) {
        if ((each.traits & traits) != 0 && name == each.name)
            return &each;
    }
    return nullptr;
}

std::int32_t show_attribute(void *object, const scst_attribute *attribute, scst_writer *out) {
    auto &dev = *static_cast<device *>(object);
    const row *found = find(traits_of(dev.backend()), attribute->name);
    if (found == nullptr || found->show == nullptr)
        return -EACCES;
    found->show(dev, out);
    return 0;
}

std::int32_t store_attribute(void *object, const scst_attribute *attribute, const char *text, std::size_t length,
                             scst_error *error) {
    auto &dev = *static_cast<device *>(object);
    const row *found = find(traits_of(dev.backend()), attribute->name);
    if (found == nullptr || found->store == nullptr)
        return -EACCES;
    return found->store(dev, attribute->name, {text, length}, error);
}

template <auto Callback, typename... Arguments>
std::int32_t guarded(Arguments... arguments) noexcept {
    try {
        return Callback(arguments...);
    } catch (const std::bad_alloc &) {
        return -ENOMEM;
    } catch (...) {
        return -EIO;
    }
}

} // namespace

std::vector<scst_attribute> attribute_table(const scst_block_backend &backend) {
    const std::uint32_t traits = traits_of(backend);
    std::vector<scst_attribute> table;
    for (const row &each : rows) {
        if (find(traits, each.name) != &each)
            continue;
        scst_attribute attribute{};
        attribute.struct_size = sizeof attribute;
        attribute.name = each.name;
        attribute.flags = (each.show != nullptr ? SCST_ATTR_READ : 0u) | (each.store != nullptr ? SCST_ATTR_WRITE : 0u);
        attribute.show = [](void *object, const scst_attribute *which, scst_writer *out) {
            return guarded<show_attribute>(object, which, out);
        };
        attribute.store = [](void *object, const scst_attribute *which, const char *text, std::size_t length,
                             scst_error *error) {
            return guarded<store_attribute>(object, which, text, length, error);
        };
        table.push_back(attribute);
    }
    return table;
}

} // namespace scst::vdisk
