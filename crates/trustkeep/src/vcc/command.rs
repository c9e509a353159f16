//! The commands and their arguments, by the names of the original.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Add, change, look at and delete users
    #[command(subcommand)]
    User(User),
    /// Create, check, list and revoke access tokens
    #[command(subcommand)]
    Token(Token),
    /// Take over or print the VPN catalogue
    #[command(subcommand)]
    Vpncatalog(Catalogue),
    /// Begin anew what is on its way in a unit
    #[command(after_help = "Example:\n  vcc clear-processing 0c5a7f0e3c9b4a7f8f0d6a1b2c3d4e5f server")]
    ClearProcessing {
        /// The UnitGroup: its vcid
        vcid: String,
        /// The unit's name
        unit_name: String,
    },
    /// Print or overwrite the stored state of a node
    #[command(subcommand)]
    NodeState(NodeState),
    /// Print the line that lets the controller in to a server
    #[command(
        after_help = "It goes into ~/.ssh/authorized_keys of the user that the controller logs in as.\n\n\
        Example:\n  vcc publickey | ssh -p 20022 ubuntu@10.0.2.21 'cat >> .ssh/authorized_keys'"
    )]
    Publickey {},
    /// Host keys of servers that were installed anew
    #[command(subcommand)]
    HostKey(HostKey),
    /// The base container images that the controller delivers to servers
    #[command(subcommand)]
    Image(Image),
    /// Wait until the controller answers, and read its configuration again
    #[command(
        after_help = "There is nothing to initialise: a controller is ready when it has started.\n\nExample:\n  vcc init"
    )]
    Init {},
}

#[derive(Debug, Subcommand)]
pub(super) enum User {
    /// Add a user with a role (regular or super)
    #[command(after_help = "Example:\n  vcc user add yamada regular")]
    Add {
        /// The user's name
        user_name: String,
        /// User role (regular or super)
        user_role: String,
    },
    /// Modify a user's role
    #[command(after_help = "Example:\n  vcc user modify yamada super")]
    Modify {
        /// The user's name
        user_name: String,
        /// User role (regular or super)
        user_role: String,
    },
    /// Check if a user exists and get their info
    #[command(after_help = "Example:\n  vcc user check yamada")]
    Check {
        /// The user's name
        user_name: String,
    },
    /// List all users and their info
    #[command(after_help = "Example:\n  vcc user list")]
    List {},
    /// Delete a user, whose tokens are refused from then on
    #[command(
        after_help = "Examples:\n  vcc user delete yamada\n  vcc user delete -f yamada    even if UnitGroups are theirs"
    )]
    Delete {
        /// The user's name
        user_name: String,
        /// Delete the user even if the user owns VC(s) (UnitGroups), which are not deleted and remain
        #[arg(short, long)]
        force: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum Token {
    /// Create a new token, valid for ten years, and print it
    #[command(after_help = "Examples:\n  \
        vcc token create                       for the user nobody\n  \
        vcc token create yamada                for a user\n  \
        vcc token create yamada --readonly     one that can look and change nothing")]
    Create {
        /// Whose token it is: nobody's, if no user is named
        user_name: Option<String>,
        /// Whether the token may change nothing
        #[arg(long)]
        readonly: bool,
        /// A token in the form of earlier versions, a UUID
        #[arg(long)]
        uuid: bool,
    },
    /// Check a token: whose it is, what it may do, when it ends
    #[command(after_help = "Examples:\n  vcc token check hvs.CAESI...\n  vcc token check - < token.txt")]
    Check {
        /// The token; -: standard input
        #[arg(allow_hyphen_values = true)]
        token: String,
    },
    /// List the info of all tokens, or of a user's; not the tokens themselves
    #[command(after_help = "Examples:\n  vcc token list\n  vcc token list yamada")]
    List {
        /// Only this user's
        user_name: Option<String>,
    },
    /// Revoke a token: it is refused from then on, and its cubbyhole is gone
    #[command(
        after_help = "Examples:\n  vcc token revoke -t hvs.CAESI...\n  vcc token revoke -a lvVxMFcNZ1yPaNfxtC0hGDPz"
    )]
    #[command(group = clap::ArgGroup::new("target").required(true).args(["token", "accessor"]))]
    Revoke {
        /// Specify target by token itself; -: standard input
        #[arg(short, long, value_name = "TOKEN", allow_hyphen_values = true)]
        token: Option<String>,
        /// Specify targets by token accessors
        #[arg(short, long, value_name = "ACCESSOR", num_args = 1..)]
        accessor: Vec<String>,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum Catalogue {
    /// Update the VPN catalog: read config/vpn_catalog.yml again, or replace it by another file
    #[command(
        after_help = "Examples:\n  vcc vpncatalog set                     after an edit\n  vcc vpncatalog set -p new.yml"
    )]
    Set {
        /// Path to the VPN catalog YAML file that replaces the controller's
        #[arg(short, long)]
        path: Option<PathBuf>,
    },
    /// Get the current VPN catalog config
    #[command(after_help = "Example:\n  vcc vpncatalog get")]
    Get {},
}

#[derive(Debug, Subcommand)]
pub(super) enum NodeState {
    /// Get VcNode info
    #[command(
        after_help = "Example:\n  vcc node-state get 0c5a7f0e3c9b4a7f8f0d6a1b2c3d4e5f server 3d1f8c5a9b7e4f60a1c2d3e4f5061728"
    )]
    Get {
        /// The UnitGroup: its vcid
        vcid: String,
        /// The unit's name
        unit_name: String,
        /// The node: its id or its number
        node_id: String,
    },
    /// Overwrite the stored state of a node without touching the actual machine
    #[command(
        after_help = "The state can then be inconsistent with reality, until the controller looks at the node again.\n\n\
        Example:\n  vcc node-state set 0c5a7f0e3c9b4a7f8f0d6a1b2c3d4e5f server 1 RUNNING"
    )]
    Set {
        /// The UnitGroup: its vcid
        vcid: String,
        /// The unit's name
        unit_name: String,
        /// The node: its id or its number
        node_id: String,
        /// Node state to set; UNWATCH: nobody looks after the node
        #[arg(value_parser = ["BOOTING", "CONTAINER_ERROR", "DELETING", "HOST_ERROR", "POWER_OFF", "RESUMING", "RUNNING",
            "SHUTTING_DOWN", "STOPPED", "STOPPING", "SUSPENDED", "SUSPENDING", "UNWATCH"])]
        state: String,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum HostKey {
    /// Forget the host key of a server that was installed anew: the next one that it shows is taken for its own
    #[command(after_help = "Example:\n  vcc host-key forget 10.0.2.21")]
    Forget {
        /// The server's address
        address: IpAddr,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum Image {
    /// Add the images of a file that `docker save` wrote, and print their names
    #[command(after_help = "Examples:\n  docker save vcp/base:3.0.0 -o base.tar && vcc image add base.tar")]
    Add {
        /// The file, on the controller's machine, which the controller can read
        file: PathBuf,
    },
    /// List the images and their sizes in bytes
    #[command(after_help = "Example:\n  vcc image list")]
    List {},
    /// Remove an image here; servers that have it keep it
    #[command(after_help = "Example:\n  vcc image remove vcp/base:3.0.0")]
    Remove {
        /// The image's name with its tag
        name: String,
    },
}
