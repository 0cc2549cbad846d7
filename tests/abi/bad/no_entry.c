/* SPDX-License-Identifier: Apache-2.0 */
/* no_entry: a shared object that is no plugin. */

__attribute__((visibility("default"))) int something_else(void);

int something_else(void) {
    return 0;
}
