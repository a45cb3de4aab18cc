# What the machines of a test are: virtual ones, which need KVM, or containers of systemd-nspawn, which do not.
{
  vm =
    { machines, ... }@test:
    removeAttrs test [ "machines" ]
    // {
      nodes = machines;
      defaults.virtualisation.memorySize = 512;
    };

  container =
    { machines, ... }@test:
    removeAttrs test [ "machines" ]
    // {
      name = "${test.name}-container";
      containers = machines;
    };
}
