//! Which modules a kernel has, as depmod wrote it down for modprobe.

use std::io::ErrorKind;
use std::path::{Component, Path};

use super::{failure, files};
use crate::model::answer::Module;
use crate::model::{Reading, TroubleCause};

/// `name` is `KERNEL/MODULE`, such as `6.1.0-50-amd64/openvswitch`.
pub fn module(root: &Path, name: &str) -> Reading<Module> {
    let parts: Vec<Component<'_>> = Path::new(name).components().collect();
    let [Component::Normal(kernel), Component::Normal(module)] = parts[..] else {
        return Reading::unreadable(TroubleCause::Malformed, format!("`{name}` names no kernel and module"));
    };
    let directory = root.join("lib/modules").join(kernel);
    match directory.metadata() {
        Ok(_) => {}
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Reading::Known(Module::NoKernel);
        }
        Err(error) => return failure::reading("cannot look at", &directory, &error),
    }
    let module = plain(&module.to_string_lossy());
    let built_in = match files::content(&directory.join("modules.builtin")) {
        Reading::Known(text) => String::from_utf8_lossy(&text).lines().any(|path| module_name(path) == module),
        Reading::Absent => false,
        Reading::Unreadable(trouble) => return Reading::Unreadable(trouble),
    };
    if built_in {
        return Reading::Known(Module::BuiltIn);
    }
    match files::content(&directory.join("modules.dep")) {
        Reading::Known(text) => listed(&directory, &String::from_utf8_lossy(&text), &module),
        // modprobe finds nothing without it.
        Reading::Absent => Reading::Known(Module::Missing),
        Reading::Unreadable(trouble) => Reading::Unreadable(trouble),
    }
}

/// A line is `kernel/net/openvswitch/openvswitch.ko: ` and then the files that must be loaded before it.
fn listed(directory: &Path, dependencies: &str, module: &str) -> Reading<Module> {
    let lines = dependencies.lines().filter_map(|line| line.split_once(':'));
    let Some((own, needed)) = lines.into_iter().find(|(path, _)| module_name(path) == module) else {
        return Reading::Known(Module::Missing);
    };
    // An absolute path, as old versions of depmod write it, replaces the directory.
    // What a power cut leaves of a file that was just installed has no bytes.
    let is_there = |path: &str| directory.join(path).metadata().is_ok_and(|it| it.is_file() && it.len() > 0);
    let lost = std::iter::once(own).chain(needed.split_whitespace()).find(|path| !is_there(path));
    let full = |path: &str| directory.join(path).display().to_string();
    Reading::Known(lost.map_or_else(|| Module::File(full(own)), |lost| Module::Lost(full(lost))))
}

/// `kernel/net/openvswitch/openvswitch.ko.xz` → `openvswitch`
fn module_name(path: &str) -> String {
    let file = path.rsplit('/').next().unwrap_or_default();
    plain(file.split_once(".ko").map_or(file, |(name, _)| name))
}

/// The kernel takes `-` and `_` in a module's name for the same.
fn plain(name: &str) -> String {
    name.replace('-', "_")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const KERNEL: &str = "6.1.0-50-amd64";

    /// Debian's own lines.
    const DEPENDENCIES: &str = "\
kernel/net/nsh/nsh.ko:
kernel/net/openvswitch/vport-geneve.ko: kernel/net/openvswitch/openvswitch.ko kernel/net/nsh/nsh.ko
kernel/net/openvswitch/openvswitch.ko: kernel/net/nsh/nsh.ko kernel/lib/libcrc32c.ko
kernel/lib/libcrc32c.ko:
";

    struct Root(tempfile::TempDir);

    impl Root {
        fn new(files: &[(&str, &str)]) -> Self {
            let root = Self(tempfile::tempdir().unwrap());
            for (name, text) in files {
                root.write(name, text);
            }
            root
        }

        fn write(&self, name: &str, text: &str) {
            let path = self.0.path().join("lib/modules").join(KERNEL).join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }

        fn ask(&self, module: &str) -> Reading<Module> {
            super::module(self.0.path(), &format!("{KERNEL}/{module}"))
        }
    }

    fn file_of(reading: Reading<Module>) -> String {
        match reading {
            Reading::Known(Module::File(path)) => path,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_module_and_all_that_it_needs_must_be_there() {
        let root = Root::new(&[("modules.dep", DEPENDENCIES), ("kernel/net/openvswitch/openvswitch.ko", "ELF")]);
        let lost = |reading| match reading {
            Reading::Known(Module::Lost(path)) => path.rsplit('/').next().unwrap().to_owned(),
            other => panic!("{other:?}"),
        };
        assert_eq!(lost(root.ask("openvswitch")), "nsh.ko");
        root.write("kernel/net/nsh/nsh.ko", "ELF");
        root.write("kernel/lib/libcrc32c.ko", "");
        assert_eq!(lost(root.ask("openvswitch")), "libcrc32c.ko", "one of no bytes that it needs");
        root.write("kernel/lib/libcrc32c.ko", "ELF");
        assert!(file_of(root.ask("openvswitch")).ends_with("kernel/net/openvswitch/openvswitch.ko"));
        assert_eq!(lost(root.ask("vport_geneve")), "vport-geneve.ko");
        root.write("kernel/net/openvswitch/vport-geneve.ko", "");
        assert_eq!(lost(root.ask("vport_geneve")), "vport-geneve.ko", "itself of no bytes");
        assert_eq!(root.ask("open"), Reading::Known(Module::Missing));
    }

    #[test]
    fn packed_built_in_and_rebuilt_modules_count() {
        let dependencies = "updates/dkms/openvswitch.ko.zst:\nextra/other.ko.xz:\n";
        let root = Root::new(&[
            ("modules.dep", dependencies),
            ("modules.builtin", "kernel/fs/ext4/ext4.ko\n"),
            ("updates/dkms/openvswitch.ko.zst", "zstd"),
        ]);
        assert!(file_of(root.ask("openvswitch")).ends_with("updates/dkms/openvswitch.ko.zst"));
        assert!(matches!(root.ask("other"), Reading::Known(Module::Lost(_))));
        assert_eq!(root.ask("ext4"), Reading::Known(Module::BuiltIn));
    }

    #[test]
    fn a_kernel_without_modules_is_told_apart() {
        let root = Root::new(&[("modules.order", "")]);
        assert_eq!(root.ask("openvswitch"), Reading::Known(Module::Missing), "depmod never ran");
        assert_eq!(module(root.0.path(), "6.9/openvswitch"), Reading::Known(Module::NoKernel));
        for odd in ["", "6.1", "../x/openvswitch", "a/b/c"] {
            assert!(matches!(module(root.0.path(), odd), Reading::Unreadable(_)), "{odd}");
        }
    }
}
