# Put the output of `nixos-generate-config` beside this file as hardware-configuration.nix, and import it here.
{
  services.messenger = {
    enable = true;
    openFirewall = true;
    # PostgreSQL; without it everything is in one SQLite file.
    database.createLocally = true;
    nginx = {
      enable = true;
      hostName = "chat.example.com";
    };
    settings = {
      CHAT_MESSAGE_RATE = 20;
      LOG_FORMAT = "json";
    };
  };

  services.nginx.virtualHosts."chat.example.com" = {
    enableACME = true;
    forceSSL = true;
  };
  security.acme = {
    acceptTerms = true;
    defaults.email = "me@example.com";
  };

  nixpkgs.hostPlatform = "x86_64-linux";
  system.stateVersion = "26.05";
}
